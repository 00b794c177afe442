import { describe, expect, it } from 'vitest'
import { type AnyStateMachine, assign, createMachine, fromCallback, setup } from 'xstate'
import { defineMigrations, type PersistedSnapshot } from '../../src/kernel/envelope.ts'
import { freshRuntimes } from '../support/runtimes.ts'

const runtimes = freshRuntimes()

type Envelope = Record<string, unknown> & { snapshot: PersistedSnapshot }

const draft = () =>
  setup({ types: { context: {} as { words: number } } }).createMachine({
    id: 'letter',
    context: { words: 1 },
    initial: 'draft',
    states: { draft: { on: { write: { actions: assign({ words: ({ context }) => context.words + 1 }) }, send: 'sent' } }, sent: {} },
  })

/** Stores a lifecycle of the chart, and then something else in its place. */
async function stored(machine: AnyStateMachine, change: (envelope: Envelope) => unknown) {
  const first = await runtimes().open()
  await first.lifechart.actors.spawn(machine, { id: 'a' }).started
  await first.lifechart.close()
  const writer = await runtimes().open()
  const { adapter } = writer.lifechart.kernel
  const head = (await adapter.load(`lifecycle/${machine.id}/a`))!
  const envelope = change(JSON.parse(head.state ?? '') as Envelope)
  const state = typeof envelope === 'string' ? envelope : JSON.stringify(envelope)
  await adapter.commit({ id: 'change', changes: [{ stream: head.stream, kind: head.kind, expect: head.version, state }] })
  return writer
}

describe('what is stored of a lifecycle', () => {
  it.each<[string, (envelope: Envelope) => unknown]>([
    ['nothing', () => ''],
    ['half of it', envelope => JSON.stringify(envelope).slice(0, 40)],
    ['something else', () => ({ hello: 'world' })],
    ['no snapshot', envelope => ({ ...envelope, snapshot: null })],
    ['no children', envelope => ({ ...envelope, snapshot: { ...envelope.snapshot, children: undefined } })],
    ['children that are nothing', envelope => ({ ...envelope, snapshot: { ...envelope.snapshot, children: null } })],
    ['no deadlines', envelope => ({ ...envelope, deadlines: undefined })],
    ['deadlines that are nothing', envelope => ({ ...envelope, deadlines: null })],
    ['a deadline that is none', envelope => ({ ...envelope, deadlines: { x: 5 } })],
    ['an attempt that is no number', envelope => ({ ...envelope, attempt: 'two' })],
    ['no step count', envelope => ({ ...envelope, steps: undefined })],
    ['ends of children that are no list', envelope => ({ ...envelope, undecided: {} })],
    ['a list', () => []],
    ['null', () => 'null'],
    ['another chart', envelope => ({ ...envelope, chart: 'other' })],
  ])('is refused as ENVELOPE_INVALID when it is %s, and nothing is written', async (_name, change) => {
    const machine = draft()
    const { lifechart, store } = await stored(machine, change)
    const commits = store.calls.commit
    await expect(lifechart.actors.get(machine, 'a')).rejects.toMatchObject({ code: 'ENVELOPE_INVALID' })
    expect(store.calls.commit).toBe(commits)
    expect(lifechart.kernel.size).toBe(0)
  })

  it('harms nobody else at open when it is damaged', async () => {
    const starts: string[] = []
    const chart = setup({
      types: { input: {} as string, context: {} as { name: string } },
      actors: { work: fromCallback<{ type: string }, string>(({ input }) => void starts.push(input)) },
    }).createMachine({
      id: 'busy',
      context: ({ input }) => ({ name: input }),
      invoke: { src: 'work', id: 'w', input: ({ context }) => context.name },
    })
    const first = await runtimes().open()
    for (const id of ['a', 'b', 'c']) await first.lifechart.actors.spawn(chart, { id, input: id }).started
    await first.lifechart.close()
    const { adapter } = (await runtimes().open()).lifechart.kernel
    const head = (await adapter.load('lifecycle/busy/b'))!
    await adapter.commit({ id: 'damage', changes: [{ stream: head.stream, kind: head.kind, expect: head.version, state: '{' }] })
    starts.length = 0
    const { lifechart, environment } = await runtimes().open({ charts: [chart] })
    expect(starts.sort()).toEqual(['a', 'c'])
    expect(lifechart.kernel.size).toBe(2)
    expect(environment.log).toContainEqual(
      expect.objectContaining({ level: 'error', facts: expect.objectContaining({ stream: 'lifecycle/busy/b' }) }),
    )
    const complaints = environment.log.length
    await runtimes().clock.advance(60_000)
    expect(environment.log).toHaveLength(complaints)
  })

  it('is refused when a newer Lifechart wrote it', async () => {
    const machine = draft()
    const { lifechart } = await stored(machine, envelope => ({ ...envelope, schema: 99 }))
    await expect(lifechart.actors.get(machine, 'a')).rejects.toMatchObject({
      code: 'ENVELOPE_VERSION',
      message: expect.stringContaining('newer Lifechart'),
    })
  })

  it('is refused when a newer version of the chart wrote it', async () => {
    const machine = draft()
    const { lifechart } = await stored(machine, envelope => ({ ...envelope, version: 2 }))
    await expect(lifechart.actors.get(machine, 'a')).rejects.toMatchObject({
      code: 'ENVELOPE_VERSION',
      message: expect.stringContaining('version 2'),
    })
  })

  it.each([['gone'], [{ draft: 'deep' }], [{ draft: {}, sent: {} }], [{}], [null], [7]])(
    'is refused with advice when it is in %j, which the chart does not have',
    async value => {
      const machine = draft()
      const { lifechart } = await stored(machine, envelope => ({ ...envelope, snapshot: { ...envelope.snapshot, value } }))
      await expect(lifechart.actors.get(machine, 'a')).rejects.toMatchObject({
        code: 'ENVELOPE_VERSION',
        message: expect.stringContaining('defineMigrations'),
      })
    },
  )

  it('is refused when a source of one of its children is gone', async () => {
    const busyChart = setup({ actors: { work: fromCallback(() => undefined) } }).createMachine({
      id: 'letter',
      invoke: { src: 'work', id: 'w' },
    })
    const { lifechart } = await stored(busyChart, envelope => envelope)
    const without = createMachine({ id: 'letter' })
    await expect(lifechart.actors.get(without, 'a')).rejects.toMatchObject({
      code: 'ENVELOPE_VERSION',
      message: expect.stringContaining('"work"'),
    })
  })
})

describe('migrations', () => {
  const raised = (steps: Record<number, (snapshot: PersistedSnapshot) => PersistedSnapshot>, version: number) =>
    defineMigrations(
      setup({ types: { context: {} as { words: number; paper: string } } }).createMachine({
        id: 'letter',
        context: { words: 0, paper: 'white' },
        initial: 'open',
        states: { open: { on: { send: 'sent' } }, sent: {} },
      }),
      version,
      steps,
    )

  it('take what is stored to the chart’s version, one step at a time', async () => {
    await (await stored(draft(), envelope => envelope)).lifechart.close()
    const machine = raised(
      {
        1: snapshot => ({ ...snapshot, value: 'open' }),
        2: snapshot => ({ ...snapshot, context: { ...snapshot.context, paper: 'yellow' } }),
      },
      3,
    )
    const { lifechart } = await runtimes().open()
    const letter = await lifechart.actors.get(machine, 'a')
    expect(letter?.snapshot).toMatchObject({ value: 'open', context: { words: 1, paper: 'yellow' } })
    await letter?.dispatch({ type: 'send' })
    const head = await lifechart.kernel.adapter.load('lifecycle/letter/a')
    expect(JSON.parse(head?.state ?? '')).toMatchObject({ version: 3, snapshot: { value: 'sent' } })
  })

  it('go with a chart that is provided with other implementations', async () => {
    await (await stored(draft(), envelope => envelope)).lifechart.close()
    const machine = raised({ 1: snapshot => ({ ...snapshot, value: 'open' }) }, 2).provide({})
    const letter = await (await runtimes().open()).lifechart.actors.get(machine, 'a')
    expect(letter?.snapshot.value).toBe('open')
  })

  it('that throw leave what is stored as it was', async () => {
    await (await stored(draft(), envelope => envelope)).lifechart.close()
    const machine = raised(
      {
        1: () => {
          throw new Error('can not')
        },
      },
      2,
    )
    const { lifechart } = await runtimes().open()
    await expect(lifechart.actors.get(machine, 'a')).rejects.toMatchObject({ code: 'ENVELOPE_VERSION', cause: { message: 'can not' } })
    expect(JSON.parse((await lifechart.kernel.adapter.load('lifecycle/letter/a'))?.state ?? '')).toMatchObject({ version: 1 })
  })

  it('must be complete', () => {
    expect(() => raised({ 2: snapshot => snapshot }, 3)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining('1 to 2') }),
    )
    expect(() => raised({}, 0)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    expect(() => raised({}, 1.5)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    expect(() => raised({}, 1)).not.toThrow()
  })
})
