import { describe, expect, it } from 'vitest'
import { assign, setup } from 'xstate'
import { settled } from '../../src/testing/simulated-clock.ts'
import { busy } from '../support/faulty-adapter.ts'
import { freshRuntimes, published, type Runtime, Runtimes } from '../support/runtimes.ts'

const runtimes = freshRuntimes()
const ttl = 15_000

const counter = setup({
  types: { context: {} as { n: number }, events: {} as { type: 'count' } | { type: 'stop' } | { type: 'never' } | { type: 'explode' } },
  actions: { count: assign({ n: ({ context }) => context.n + 1 }) },
  guards: {
    explode: () => {
      throw new Error('boom')
    },
  },
}).createMachine({
  id: 'counter',
  context: { n: 0 },
  initial: 'on',
  states: {
    on: { on: { count: { actions: 'count' }, stop: 'off', explode: { guard: 'explode', target: 'off' } } },
    off: { type: 'final' },
  },
  output: ({ context }) => context.n,
})

/** What is stored of the lifecycle. */
async function states({ lifechart }: Runtime): Promise<{ n: number; parked: boolean }> {
  const { state, session } = (await lifechart.kernel.adapter.load('lifecycle/counter/a'))!
  const { snapshot } = JSON.parse(state!) as { snapshot: { context: { n: number } } }
  return { n: snapshot.context.n, parked: session === undefined }
}

async function ownedElsewhere() {
  const owner = await runtimes().open()
  const other = await runtimes().open()
  const own = owner.lifechart.actors.spawn(counter, { id: 'a' })
  await own.started
  const remote = (await other.lifechart.actors.get(counter, 'a'))!
  return { owner, other, own, remote }
}

/** Sends a command: it is stored, and that is the last that is heard of its sender. */
async function lastWords(remote: Awaited<ReturnType<typeof ownedElsewhere>>['remote'], sender: Runtime): Promise<void> {
  sender.store.hold('commit')
  remote.dispatch({ type: 'count' }).catch(() => undefined)
  await settled()
  sender.store.hold('load')
  sender.store.release(1)
}

describe('a lifecycle that another runtime owns', () => {
  it('is followed: its state, its steps, its end', async () => {
    const { own, remote, other } = await ownedElsewhere()
    const ended = remote.ended
    expect(remote.snapshot).toMatchObject({ value: 'on', context: { n: 0 } })
    await own.dispatch({ type: 'count' })
    await settled()
    expect(remote.snapshot.context.n).toBe(1)
    expect(remote.can({ type: 'count' })).toBe(true)
    expect(await published(remote)).toEqual(await published(own))
    await own.dispatch({ type: 'stop' })
    expect(await ended).toBe(1)
    await settled()
    expect(remote.snapshot.status).toBe('done')
    expect(remote.can({ type: 'count' })).toBe(false)
    expect(other.lifechart.kernel.size).toBe(0)
    await remote[Symbol.asyncDispose]()
    expect(other.lifechart.kernel.tails.size).toBe(0)
  })

  it('takes commands: the answer is the state after its owner’s step', async () => {
    const { own, remote, owner } = await ownedElsewhere()
    expect((await remote.dispatch({ type: 'count' })).context.n).toBe(1)
    expect(own.snapshot.context.n).toBe(1)
    const [first, second] = await Promise.all([
      remote.dispatch({ type: 'count' }),
      remote.dispatch({ type: 'count' }),
      own.dispatch({ type: 'count' }),
    ])
    expect([first.context.n, second.context.n].every(n => n > 1)).toBe(true)
    expect(own.snapshot.context.n).toBe(4)
    expect(await remote.dispatch({ type: 'stop' })).toMatchObject({ status: 'done' })
    expect(await remote.ended).toBe(4)
    expect(await own.ended).toBe(4)
    await settled()
    expect(await owner.lifechart.kernel.adapter.load('commands/lifecycle/counter/a')).toBeUndefined()
  })

  it('refuses commands with its owner’s own code', async () => {
    const { own, remote } = await ownedElsewhere()
    await expect(remote.dispatch({ type: 'never' })).rejects.toMatchObject({ code: 'EVENT_REFUSED' })
    await expect(remote.dispatch({ type: 'explode' })).rejects.toMatchObject({ code: 'CHART_FAULT' })
    await expect(remote.dispatch({ type: 'xstate.stop' } as never)).rejects.toMatchObject({ code: 'EVENT_RESERVED' })
    await expect(remote.dispatch({ type: 'count', extra: new Date() } as never)).rejects.toMatchObject({ code: 'NOT_SERIALIZABLE' })
    expect(own.snapshot).toMatchObject({ value: 'on', context: { n: 0 } })
    await own.dispatch({ type: 'stop' })
    await settled()
    await expect(remote.dispatch({ type: 'count' })).rejects.toMatchObject({ code: 'LIFECYCLE_ENDED' })
  })

  it('refuses a command that it did not decide before its end', async () => {
    const { own, remote, owner } = await ownedElsewhere()
    owner.store.hold()
    const stopping = own.dispatch({ type: 'stop' })
    const late = remote.dispatch({ type: 'count' }).catch(error => error)
    await settled()
    owner.store.release()
    await stopping
    expect(await late).toMatchObject({ code: 'LIFECYCLE_ENDED' })
    await settled()
    expect(await owner.lifechart.kernel.adapter.load('commands/lifecycle/counter/a')).toBeUndefined()
  })

  it('gives the same handle to everybody here', async () => {
    const { other, remote } = await ownedElsewhere()
    expect(await other.lifechart.actors.get(counter, 'a')).toBe(remote)
  })

  it('is ours when its owner gives it back', async () => {
    const { own, remote, other } = await ownedElsewhere()
    await own[Symbol.asyncDispose]()
    await runtimes().clock.advance(1_000)
    expect(other.lifechart.kernel.size).toBe(1)
    expect((await remote.dispatch({ type: 'count' })).context.n).toBe(1)
    expect(await other.lifechart.actors.get(counter, 'a')).toBe(remote)
  })
})

describe('a lifecycle that its owner has just given back', () => {
  it.each(['parked it', 'closed'] as const)('is taken over at once by a follower that sends it a command (its owner %s)', async way => {
    const { owner, own, remote, other } = await ownedElsewhere()
    if (way === 'closed') await owner.lifechart.close()
    else await own[Symbol.asyncDispose]()
    expect((await remote.dispatch({ type: 'count' })).context.n).toBe(1)
    expect(other.lifechart.kernel.size).toBe(1)
    expect(await published(remote)).toEqual(['1 start lifechart.start', '2 restore lifechart.restore', '3 command count'])
  })

  it('is taken over at once also where its changes are noticed late', async () => {
    const { owner, own, remote, other } = await ownedElsewhere()
    for (const { store } of [owner, other]) store.deaf = true
    await own[Symbol.asyncDispose]()
    expect((await remote.dispatch({ type: 'count' })).context.n).toBe(1)
  })

  it('decides within a second a command that comes while it is given back, at any moment of that', async () => {
    for (let turns = 0; turns < 30; turns++) {
      const house = new Runtimes()
      const [owner, other] = [await house.open(), await house.open()]
      const own = owner.lifechart.actors.spawn(counter, { id: 'a' })
      await own.started
      const remote = (await other.lifechart.actors.get(counter, 'a'))!
      const given = own[Symbol.asyncDispose]()
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      let n: number | undefined
      remote.dispatch({ type: 'count' }).then(
        snapshot => {
          n = snapshot.context.n
        },
        () => undefined,
      )
      await given
      await house.clock.advance(1_000)
      expect(n, `after ${turns} microtasks`).toBe(1)
      house.end()
    }
  })

  it('is taken over for a command whose sender is gone by whoever knows its chart and notices it', async () => {
    const { owner, own, other, remote } = await ownedElsewhere()
    const third = await runtimes().open({ charts: [counter] })
    await own[Symbol.asyncDispose]()
    await lastWords(remote, other)
    await settled()
    expect(owner.lifechart.kernel.size + third.lifechart.kernel.size).toBe(0)
    expect(await states(third)).toEqual({ n: 1, parked: true })
    runtimes().crash(other)
  })

  it('is taken over for such a command by its former owner, when it came while that one gave it back', async () => {
    const { owner, own, other, remote } = await ownedElsewhere()
    await lastWords(remote, other)
    await own[Symbol.asyncDispose]()
    await runtimes().clock.advance(1_000)
    expect(await states(owner)).toEqual({ n: 1, parked: true })
    runtimes().crash(other)
  })

  it('is left alone by those that do not know its chart', async () => {
    const { own, other, remote } = await ownedElsewhere()
    const third = await runtimes().open()
    await own[Symbol.asyncDispose]()
    other.store.hold('commit')
    other.store.release(0)
    const commits = third.store.calls.commit
    remote.dispatch({ type: 'count' }).catch(() => undefined)
    await runtimes().clock.advance(ttl)
    expect(third.store.calls.commit).toBe(commits)
  })
})

describe('a command that nobody decided', () => {
  /** Parked, with a command in front of its door. */
  async function parked(event: { type: string }) {
    const { owner, other } = await ownedElsewhere()
    await owner.lifechart.close()
    await other.lifechart.close()
    const writer = await runtimes().open()
    const entry = JSON.stringify({ id: 'late', event })
    await writer.lifechart.kernel.adapter.commit({
      id: 'late',
      changes: [
        {
          stream: 'commands/lifecycle/counter/a',
          kind: 'commands',
          expect: 'any',
          events: [entry],
          index: { parent: 'lifecycle/counter/a' },
        },
      ],
    })
    await writer.lifechart.close()
  }

  it('is decided when a runtime that knows the chart opens, which then parks the lifecycle again', async () => {
    await parked({ type: 'count' })
    const next = await runtimes().open({ charts: [counter] })
    await settled()
    expect(await states(next)).toEqual({ n: 1, parked: true })
  })

  it('is refused once, and wakes the lifecycle no more', async () => {
    await parked({ type: 'never' })
    const first = await runtimes().open({ charts: [counter] })
    await settled()
    const { adapter } = first.lifechart.kernel
    const { version } = (await adapter.load('lifecycle/counter/a'))!
    expect(version).toBe(2)
    await first.lifechart.close()
    const next = await runtimes().open({ charts: [counter] })
    await runtimes().clock.advance(2 * ttl)
    expect(await next.lifechart.kernel.adapter.load('lifecycle/counter/a')).toMatchObject({ version })
  })

  it('is decided when its owner’s session has lapsed, though the lifecycle had nothing under way and its sender is gone', async () => {
    const { owner, other, remote } = await ownedElsewhere()
    const third = await runtimes().open({ charts: [counter] })
    owner.store.deaf = true
    remote.dispatch({ type: 'count' }).catch(() => undefined)
    await settled()
    for (const runtime of [owner, other]) runtimes().crash(runtime)
    await runtimes().clock.advance(2 * ttl)
    expect(await states(third)).toEqual({ n: 1, parked: true })
  })
})

describe('a command whose owner is dead', () => {
  it('is decided by the successor, and its sender is answered', async () => {
    const { owner, remote, other } = await ownedElsewhere()
    runtimes().crash(owner)
    const answer = remote.dispatch({ type: 'count' })
    const refused = remote.dispatch({ type: 'never' }).catch(error => error)
    await runtimes().clock.advance(ttl + ttl / 2)
    expect((await answer).context.n).toBe(1)
    expect(await refused).toMatchObject({ code: 'EVENT_REFUSED' })
    expect(other.lifechart.kernel.size).toBe(1)
  })

  it('is decided by whoever comes next when its sender is gone too', async () => {
    const { owner, remote, other } = await ownedElsewhere()
    runtimes().crash(owner)
    remote.dispatch({ type: 'count' }).catch(() => undefined)
    await settled()
    runtimes().crash(other)
    await runtimes().clock.advance(2 * ttl)
    const third = await runtimes().open()
    const one = await third.lifechart.actors.get(counter, 'a')
    expect(one?.snapshot.context.n).toBe(1)
    expect(await published(one!)).toEqual(['1 start lifechart.start', '2 restore lifechart.restore', '3 command count'])
  })

  it('is decided once, also when its owner died between the step and the answer', async () => {
    const { owner, remote } = await ownedElsewhere()
    owner.store.cut()
    const answer = remote.dispatch({ type: 'count' })
    await settled()
    runtimes().crash(owner)
    expect((await answer).context.n).toBe(1)
    await runtimes().clock.advance(2 * ttl)
    const third = await runtimes().open()
    const one = await third.lifechart.actors.get(counter, 'a')
    expect((one ?? remote).snapshot.context.n).toBe(1)
  })

  it('is not taken for decided because a step before it was stored', async () => {
    const { owner, own, remote, other } = await ownedElsewhere()
    owner.store.hold()
    const local = [own.dispatch({ type: 'count' }), own.dispatch({ type: 'count' })]
    for (const dispatched of local) dispatched.catch(() => undefined)
    await settled()
    remote.dispatch({ type: 'count' }).catch(() => undefined)
    await settled()
    owner.store.release(1)
    await settled()
    owner.store.release(1)
    await settled()
    runtimes().crash(owner)
    runtimes().crash(other)
    await runtimes().clock.advance(2 * ttl)
    const third = await runtimes().open()
    const one = await third.lifechart.actors.get(counter, 'a')
    expect(one?.snapshot.context.n).toBe(3)
  })

  it('is left to the next owner when nobody answers in time', async () => {
    const { owner, remote } = await ownedElsewhere()
    owner.store.hold()
    const answer = remote.dispatch({ type: 'count' }).catch(error => error)
    await runtimes().clock.advance(20_000)
    expect(await answer).toMatchObject({ code: 'LIFECYCLE_ELSEWHERE', retryable: true })
    owner.store.release()
    await settled()
    expect(remote.snapshot.context.n).toBe(1)
  })
})

describe('commands while the owner’s store is down', () => {
  it('are decided once it is back, in order, each once', async () => {
    const { owner, own, remote } = await ownedElsewhere()
    owner.store.fail('commit', busy(), Number.POSITIVE_INFINITY)
    const answers = [remote.dispatch({ type: 'count' }), remote.dispatch({ type: 'count' }), remote.dispatch({ type: 'count' })]
    await runtimes().clock.advance(9_000)
    owner.store.fail('commit', busy(), 0)
    await runtimes().clock.advance(6_000)
    expect((await Promise.all(answers)).at(-1)?.context.n).toBe(3)
    expect(own.snapshot.context.n).toBe(3)
  })
})

describe('a command whose sender does not learn that it is stored', () => {
  it('is decided once, also when somebody else’s came in between', async () => {
    const { own, other, remote } = await ownedElsewhere()
    const third = await runtimes().open()
    const elsewhere = (await third.lifechart.actors.get(counter, 'a'))!
    other.store.cut()
    const first = remote.dispatch({ type: 'count' })
    await settled()
    const second = elsewhere.dispatch({ type: 'count' })
    await settled()
    await runtimes().clock.advance(1_000)
    await Promise.all([first, second])
    await runtimes().clock.advance(1_000)
    expect(own.snapshot.context.n).toBe(2)
    expect((await third.lifechart.kernel.adapter.load('commands/lifecycle/counter/a'))?.version).toBe(2)
  })
})

describe('the commands to a lifecycle', () => {
  it('are kept for their answers, and not for ever', async () => {
    const { owner, own, remote } = await ownedElsewhere()
    const most = 2 * 1024
    for (let n = 0; n < 3 * 1024; n++) {
      if (n % 3 > 0) await remote.dispatch({ type: 'count' })
      else await expect(remote.dispatch({ type: 'never' })).rejects.toMatchObject({ code: 'EVENT_REFUSED' })
    }
    const { version, floor } = (await owner.lifechart.kernel.adapter.load('commands/lifecycle/counter/a'))!
    expect(version - floor).toBeLessThanOrEqual(most)
    runtimes().crash(owner)
    await runtimes().clock.advance(2 * ttl)
    expect((await remote.dispatch({ type: 'count' })).context.n).toBe(2 * 1024 + 1)
    expect(own.snapshot.context.n).toBe(2 * 1024)
  })

  it('are those of no other lifecycle, whatever its id', async () => {
    const { own, remote, owner } = await ownedElsewhere()
    const others = ['a/commands', 'commands/a', '../a'].map(id => owner.lifechart.actors.spawn(counter, { id }))
    await Promise.all(others.map(({ started }) => started))
    await remote.dispatch({ type: 'stop' })
    expect(await own.ended).toBe(0)
    await settled()
    for (const lifecycle of others) expect((await lifecycle.dispatch({ type: 'count' })).context.n).toBe(1)
  })
})
