import { execFile } from 'node:child_process'
import { readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { killPoints } from '../../examples/surveyor/kills.ts'
import { temporary, variedTree } from './tree.ts'

/** Built before the tests. */
const program = new URL('../../.build/examples/surveyor/demo.js', import.meta.url)
const { directory, tree } = temporary()

/** Runs the demo; with a directory of its own for temporary files. */
function demo(...args: string[]): Promise<{ code: number | string | null | undefined; output: string; left: string[] }> {
  const TMPDIR = directory()
  return new Promise(resolve => {
    execFile(process.execPath, [fileURLToPath(program), ...args], { env: { ...process.env, TMPDIR } }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, output: stdout + stderr, left: readdirSync(TMPDIR) })
    })
  })
}

it('the demo kills its server and cuts off a client at 20 points chosen by seeds, loses nothing and tells nothing twice', {
  timeout: 300_000,
}, async () => {
  const first = Math.floor(Math.random() * 1e6)
  console.log(`seeds ${first} to ${first + 19}`)
  const dir = tree(variedTree)
  const seeds = Array.from({ length: 20 }, (_, i) => first + i)
  let resumed = 0
  const lane = async () => {
    for (let seed = seeds.pop(); seed !== undefined; seed = seeds.pop()) {
      const { code, output, left } = await demo(
        '--without-agent',
        '--dir',
        dir,
        '--seed',
        String(seed),
        '--kills',
        String(1 + (seed % 2)),
        '--pace',
        '3',
      )
      expect(code, output).toBe(0)
      expect(output).toContain('Nothing was lost, and nothing came twice.')
      expect(left).toEqual([])
      if (output.includes('attempt 2')) resumed++
    }
  }
  await Promise.all([lane(), lane()])
  // One that is killed at its end may be done already.
  expect(resumed).toBeGreaterThanOrEqual(10)
})

it('the demo talks with the agent: a question, a cut stream, a kill in the middle, a cancel, and a refusal', async () => {
  const { code, output, left } = await demo('--dir', tree(variedTree), '--kills', '0', '--pace', '0')
  expect(code, output).toBe(0)
  const told = output.slice(output.indexOf('A conversation'), output.indexOf('Report')).match(/^ {2}[●✔✖◌] \S+( off)?/gmu)
  const steps = ['● input-required', '● answered', '◌ cut off', '✖ killed', '● resumed', '✔ completed', '◌ canceled', '◌ rejected']
  expect(told).toEqual(steps.map(step => `  ${step}`))
  const [, cut] = /cut off {2}behind finding (\d+)/.exec(output) ?? []
  const [, killed] = /killed {2}behind finding (\d+)/.exec(output) ?? []
  const [, all] = /(\d+) findings of the agent: complete, and none twice/.exec(output) ?? []
  expect(Number(cut)).toBeGreaterThan(0)
  expect(Number(killed)).toBeGreaterThan(Number(cut))
  expect(Number(all)).toBeGreaterThan(Number(killed))
  expect(output).not.toContain('✖ a ')
  expect(left).toEqual([])
})

it('the demo shows no name as the command to the terminal that it is', async () => {
  const dir = tree({ 'a\u001b[2J.ts': 'x\n', 'b\u001b]0;title\u0007/c': 'x\n' })
  symlinkSync('/', join(dir, 'out\u001b[31m'))
  const { code, output } = await demo('--dir', dir, '--kills', '0', '--pace', '0')
  expect(code, output).toBe(0)
  expect(output).toContain('a\\u{1b}[2J.ts')
  expect(output).toContain('leads out')
  expect(output).not.toMatch(/[^\P{Cc}\n]/u)
})

it('the demo says what is wrong with its arguments', async () => {
  expect(await demo('--dir', join(directory(), 'missing'))).toMatchObject({ code: 2, output: expect.stringContaining('no directory') })
  expect(await demo('--seed', 'x')).toMatchObject({ code: 2, output: expect.stringContaining('whole numbers') })
  const hasty = await demo('--pace', '0')
  expect(hasty).toMatchObject({ code: 2, output: expect.stringContaining('no time to kill the server'), left: [] })
})

it('a kill that comes too late is told as one, and not as a kill', async () => {
  const { followSurvey } = (await import(new URL('lives.js', program).href)) as typeof import('../../examples/surveyor/lives.ts')
  const killed: number[] = []
  const witness = { event: () => undefined, killed: (pid: number) => void killed.push(pid), cutOff: () => undefined }
  // The tree has one directory, so there is one finding: the second kill waits for another one.
  const survey = { store: join(directory(), 'store'), dir: tree({ 'a.ts': 'x\n' }), pace: 2_000, kills: [1, 2], cut: 1 }
  const { events, second, escaped } = await followSurvey(survey, witness)
  expect(events.at(-1)).toMatchObject({ type: 'end', status: 'done' })
  expect(second).toEqual(events)
  expect(killed).toHaveLength(1)
  expect(escaped).toBe(1)
})

it('the same seed gives the same points', () => {
  const points = killPoints(7, 5, 100)
  expect(killPoints(7, 5, 100)).toEqual(points)
  expect(points).toEqual(points.toSorted((a, b) => a - b))
  const all = Array.from({ length: 1_000 }, (_, seed) => killPoints(seed, 1, 10)[0])
  expect(new Set(all)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))
})
