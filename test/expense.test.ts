import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ExpenseEvent } from '../examples/expense/expense.ts'
import { officeIn } from '../examples/expense/office.ts'
import { memoryAdapter } from '../src/adapters/memory.ts'
import type { StepRecord } from '../src/kernel/stream/record.ts'
import { type Lifechart, openLifechart } from '../src/lifechart.ts'
import { type TestEnvironment, testEnvironment } from '../src/testing/environment.ts'
import type { Moment } from './children/mortal-adapter.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lifechart-expense-'))
})
afterEach(() => rm(dir, { recursive: true }))

async function lines(...file: string[]): Promise<string[]> {
  return (await readFile(join(dir, ...file), 'utf8')).split('\n').slice(0, -1)
}

describe('an expense claim', () => {
  const hour = 3_600_000
  const patience = { reminder: 24 * hour, escalation: 60 * hour, retry: hour }
  let environment: TestEnvironment
  let lifechart: Lifechart
  beforeEach(async () => {
    environment = testEnvironment()
    lifechart = await openLifechart({ adapter: memoryAdapter(), ...environment, limits: { sessionTtl: 1_000 * hour } })
  })
  afterEach(() => lifechart.close())

  async function submitted(cents: number) {
    const claim = lifechart.actors.spawn(officeIn(dir), { id: 'lunch-1', input: { claim: 'lunch-1', patience } })
    await claim.dispatch({ type: 'item.added', item: { id: 'lunch', cents } })
    await claim.dispatch({ type: 'claim.submitted' })
    return claim
  }
  type Claim = Awaited<ReturnType<typeof submitted>>

  async function reaches(claim: Claim, state: Parameters<Claim['snapshot']['matches']>[0]): Promise<void> {
    for await (const _ of claim.steps()) if (claim.snapshot.matches(state)) return
    throw new Error(`It ended as ${JSON.stringify(claim.snapshot.value)}.`)
  }

  it('is paid without asking anyone when it is small', async () => {
    const claim = await submitted(4_000)
    await reaches(claim, { payment: 'pausing' })
    await environment.clock.advance(patience.retry)
    expect(await claim.ended).toEqual({ outcome: 'paid', cents: 4_000, grantedBy: 'rules', reference: 'transfer-lunch-1' })
    expect(await lines('letters')).toEqual(['lunch-1: told the employee that it is paid'])
    expect(await lines('paid-lunch-1')).toEqual(['4000'])
  })

  it('refuses what it has taken already, and what is not for this person to say', async () => {
    const claim = await submitted(40_000)
    await reaches(claim, { open: { review: { waiting: 'manager' } } })
    const refused: ExpenseEvent[] = [
      { type: 'item.added', item: { id: 'lunch', cents: 40_000 } },
      { type: 'claim.submitted' },
      { type: 'claim.approved', by: 'director' },
      { type: 'receipt.added', item: 'dinner' },
    ]
    for (const event of refused) await expect(claim.dispatch(event)).rejects.toMatchObject({ code: 'EVENT_REFUSED' })
    await claim.dispatch({ type: 'receipt.added', item: 'lunch' })
    await expect(claim.dispatch({ type: 'receipt.added', item: 'lunch' })).rejects.toMatchObject({ code: 'EVENT_REFUSED' })
  })

  it('reminds nobody any more once it is decided', async () => {
    const claim = await submitted(40_000)
    await reaches(claim, { open: { review: { waiting: 'manager' } } })
    await environment.clock.advance(patience.reminder)
    await claim.dispatch({ type: 'claim.approved', by: 'manager' })
    await environment.clock.advance(10 * patience.reminder)
    expect(claim.snapshot.value).toEqual({ open: { review: 'granted', receipts: 'missing' } })
    expect(await lines('letters')).toEqual(['lunch-1: asked the manager', 'lunch-1: reminded the manager, reminder 1'])
  })
})

describe('an expense claim whose process is killed', { timeout: 180_000 }, () => {
  const program = fileURLToPath(new URL('../.build/test/children/expense.js', import.meta.url))

  interface Ending {
    commits: number
    status: string
    value: unknown
    context: unknown
    output: unknown
    steps: StepRecord[]
  }

  /** Runs the program, which `npm run build` compiles; undefined when it was killed at the commit. */
  function run(place: string, moment: Moment, commit: number): Promise<Ending | undefined> {
    return new Promise((resolve, reject) => {
      execFile(process.execPath, [program, join(dir, place), moment, String(commit)], { timeout: 60_000 }, (error, stdout, stderr) => {
        if (!error) resolve(JSON.parse(stdout))
        else if (error.signal === 'SIGKILL') resolve(undefined)
        else reject(new Error(`The program failed: ${stderr}`, { cause: error }))
      })
    })
  }

  async function undisturbed() {
    const ending = (await run('undisturbed', 'after', 0))!
    return { ...ending, letters: await lines('undisturbed', 'letters'), errands: await lines('undisturbed', 'errands') }
  }

  const taken = ({ steps }: Ending) =>
    steps
      .filter(({ cause }) => cause !== 'restore')
      .map(({ cause, event }) => `${cause} ${JSON.stringify(event)}`)
      .sort()

  /** Whatever was killed on the way: the same end, every step once, no letter twice, every errand. */
  async function expectSame(place: string, ending: Ending | undefined, model: Awaited<ReturnType<typeof undisturbed>>) {
    const { status, value, context, output, steps } = model
    expect(ending, place).toMatchObject({ status, value, output })
    expect(ending!.context, place).toEqual(context)
    expect(ending!.steps.map(({ seq }) => seq)).toEqual(ending!.steps.map((_, i) => i + 1))
    expect(taken(ending!), place).toEqual(taken(model))
    expect(ending!.steps.at(-1)!.at, 'the deadlines are where they were').toBe(steps.at(-1)!.at)
    const letters = await lines(place, 'letters')
    expect(new Set(letters).size, `${place}: no letter twice`).toBe(letters.length)
    expect(model.letters).toEqual(expect.arrayContaining(letters))
    expect(new Set(await lines(place, 'errands')), place).toEqual(new Set(model.errands))
    expect(await lines(place, 'paid-travel-7')).toEqual(['100620'])
    return letters
  }

  /** Kills it at each of its commits, two at a time, and starts it again. */
  async function atEachCommit(moment: Moment, lost: number): Promise<void> {
    const model = await undisturbed()
    expect(model.commits).toBeGreaterThanOrEqual(17)
    const commits = Array.from({ length: model.commits }, (_, i) => i + 1)
    const lane = async () => {
      for (let commit = commits.shift(); commit !== undefined; commit = commits.shift()) {
        const place = `${moment} commit ${commit}`
        expect(await run(place, moment, commit), `${place}: it was killed`).toBeUndefined()
        const letters = await expectSame(place, await run(place, 'after', 0), model)
        expect(letters.length, `${place}: letters of one step at most are lost`).toBeGreaterThanOrEqual(model.letters.length - lost)
      }
    }
    await Promise.all([lane(), lane()])
  }

  it('right before any of its commits ends as if nothing had happened, and has lost no letter', () => atEachCommit('before', 0))

  it('right after any of its commits ends as if nothing had happened, and has lost the letter of that step at most', () =>
    atEachCommit('after', 1))

  it('again and again, with every third commit, ends all the same', async () => {
    const model = await undisturbed()
    let starts = 0
    let ending: Ending | undefined
    while (!ending && starts++ < model.commits) ending = await run('again and again', 'after', 3)
    await expectSame('again and again', ending, model)
    // Each process has taken it over and two steps further.
    expect(starts).toBeGreaterThanOrEqual(Math.floor(model.commits / 2))
  })
})
