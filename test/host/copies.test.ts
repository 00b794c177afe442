import { describe, expect, it } from 'vitest'
import { assign, fromCallback, raise, setup } from 'xstate'
import { settled } from '../../src/testing/simulated-clock.ts'
import { freshRuntimes } from '../support/runtimes.ts'

const runtimes = freshRuntimes()

type Put = { type: 'put'; list: unknown[] }

const shelf = setup({
  types: { context: {} as { list: unknown[] }, events: {} as Put | { type: 'later' } },
  actors: { helper: fromCallback<Put>(({ sendBack, receive }) => receive(event => sendBack(event))) },
  actions: { put: assign({ list: ({ context, event }) => (event.type === 'put' ? event.list : context.list) }) },
}).createMachine({
  id: 'shelf',
  context: { list: [] },
  invoke: { src: 'helper', id: 'helper' },
  initial: 'open',
  states: { open: { initial: 'empty', states: { empty: {} } } },
  on: { put: { actions: 'put' }, later: { actions: raise({ type: 'put', list: ['in time'] }, { delay: 10, id: 'soon' }) } },
})

async function opened() {
  const { lifechart } = await runtimes().open()
  const one = lifechart.actors.spawn(shelf, { id: 'a' })
  await one.started
  const stored = async () => JSON.parse((await lifechart.kernel.adapter.load('lifecycle/shelf/a'))?.state ?? '').snapshot.context.list
  const steps = async (count: number) => {
    const subscription = one.steps()
    const read = []
    while (read.length < count) read.push((await subscription.next()).value)
    await subscription.return?.()
    return read as unknown as {
      event: Put
      patch: { set: { list: unknown[] } }
      value: { open: string }
      children: string[]
      deadlines: object
    }[]
  }
  return { one, stored, steps }
}

describe('an event that was dispatched', () => {
  it('is what it was at the call, whatever its sender makes of it before the commit', async () => {
    const { one, stored } = await opened()
    const list: unknown[] = ['first']
    const dispatched = one.dispatch({ type: 'put', list })
    list.push(new Date(0))
    await dispatched
    expect(one.snapshot.context.list).toEqual(['first'])
    expect(await stored()).toEqual(['first'])
  })

  it('is what was committed, whatever its sender makes of it afterwards', async () => {
    const { one, stored, steps } = await opened()
    const list: unknown[] = [{ name: 'first' }]
    await one.dispatch({ type: 'put', list })
    ;(list[0] as { name: string }).name = 'another'
    list.push('more')
    expect(one.snapshot.context.list).toEqual([{ name: 'first' }])
    expect(await stored()).toEqual([{ name: 'first' }])
    expect((await steps(2))[1]).toMatchObject({ event: { list: [{ name: 'first' }] }, patch: { set: { list: [{ name: 'first' }] } } })
  })

  it('keeps a member that is called __proto__ as the member it is', async () => {
    const { one, stored } = await opened()
    await one.dispatch({ type: 'put', list: [JSON.parse('{"__proto__":{"polluted":true}}')] })
    const [kept] = one.snapshot.context.list as [{ polluted?: true }]
    expect(kept.polluted).toBeUndefined()
    expect(Object.keys(kept)).toEqual(['__proto__'])
    expect(JSON.stringify(await stored())).toBe('[{"__proto__":{"polluted":true}}]')
  })
})

describe('an event that a child sends', () => {
  it('is what it was when it was sent', async () => {
    const list = ['first']
    const sending = setup({
      types: { context: {} as { list: unknown[] }, events: {} as Put },
      actors: {
        child: fromCallback(({ sendBack }) => {
          sendBack({ type: 'put', list })
          list.push('second')
          sendBack({ type: 'put', list })
          list.push('third')
        }),
      },
      actions: { put: assign({ list: ({ context, event }) => [...context.list, event.list] }) },
    }).createMachine({ id: 'sending', context: { list: [] }, invoke: { src: 'child', id: 'child' }, on: { put: { actions: 'put' } } })
    const { lifechart } = await runtimes().open()
    const one = lifechart.actors.spawn(sending, { id: 'a' })
    await one.started
    await settled()
    expect(one.snapshot.context.list).toEqual([['first'], ['first', 'second']])
  })
})

describe('a step that is shown', () => {
  it('can be changed by nobody who follows', async () => {
    const { one, stored, steps } = await opened()
    await one.dispatch({ type: 'put', list: ['first'] })
    await one.dispatch({ type: 'later' })
    const [first, put, later] = await steps(3)
    const attempts = [
      () => put?.event.list.push('of a follower'),
      () => put?.patch.set.list.push('of a follower'),
      () => Object.assign(put?.value ?? {}, { open: 'gone' }),
      () => first?.children.push('of a follower'),
      () => Object.assign((later?.deadlines as unknown as Record<string, object>)?.soon ?? {}, { at: 0 }),
      () => Object.assign(later?.deadlines ?? {}, { more: 0 }),
    ]
    for (const attempt of attempts) expect(attempt).toThrow(TypeError)
    expect(one.snapshot).toMatchObject({ value: { open: 'empty' }, context: { list: ['first'] } })
    await runtimes().clock.advance(10)
    expect(one.snapshot.context.list).toEqual(['in time'])
    expect(await stored()).toEqual(['in time'])
  })

  it('does not freeze what the chart itself holds on to', async () => {
    const own = { list: ['of the chart'] }
    const holding = setup({ types: { context: {} as typeof own, input: {} as typeof own } }).createMachine({
      id: 'holding',
      context: ({ input }) => input,
    })
    const { lifechart } = await runtimes().open()
    await lifechart.actors.spawn(holding, { id: 'a', input: own }).started
    expect(Object.isFrozen(own.list)).toBe(false)
  })

  it('can not be changed either when it was read from the store', async () => {
    const first = await opened()
    await first.one.dispatch({ type: 'put', list: ['first'] })
    await first.one[Symbol.asyncDispose]()
    const { lifechart } = await runtimes().open()
    const one = await lifechart.actors.get(shelf, 'a')
    const steps = one?.steps()
    await steps?.next()
    const step = (await steps?.next())?.value as { event: Put }
    expect(() => step.event.list.push('of a follower')).toThrow(TypeError)
  })
})
