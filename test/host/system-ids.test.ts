import { describe, expect, it } from 'vitest'
import {
  type ActorRef,
  type AnyActorRef,
  assign,
  enqueueActions,
  fromCallback,
  type Snapshot,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from 'xstate'
import { settled } from '../../src/testing/simulated-clock.ts'
import { freshRuntimes } from '../support/runtimes.ts'

const runtimes = freshRuntimes()

const kid = (effects: string[]) =>
  fromCallback<{ type: 'ping' }>(({ receive, sendBack }) => {
    effects.push('started')
    receive(() => sendBack({ type: 'pong' }))
    return () => effects.push('stopped')
  })

describe('children under a system id', () => {
  it('may be spawned in an assign, stopped, and spawned again under the same id and system id', async () => {
    const effects: string[] = []
    const chart = setup({ types: { context: {} as { ref?: AnyActorRef } }, actors: { kid: kid(effects) } }).createMachine({
      id: 'family',
      context: {},
      initial: 'without',
      states: {
        without: {
          on: { take: { target: 'with', actions: assign({ ref: ({ spawn }) => spawn('kid', { id: 'kid', systemId: 'the kid' }) }) } },
        },
        with: {
          on: {
            leave: { target: 'without', actions: enqueueActions(({ enqueue, context }) => enqueue.stopChild(context.ref as AnyActorRef)) },
          },
        },
      },
    })
    const { lifechart } = await runtimes().open()
    const family = lifechart.actors.spawn(chart, { id: 'a' })
    await family.dispatch({ type: 'take' })
    await family.dispatch({ type: 'leave' })
    await family.dispatch({ type: 'take' })
    expect(effects).toEqual(['started', 'stopped', 'started'])
    expect(Object.keys(family.snapshot.children)).toEqual(['kid'])
  })

  it('may be replaced in one step by another of the same system id', async () => {
    const effects: string[] = []
    const chart = setup({ actors: { kid: kid(effects) } }).createMachine({
      id: 'again',
      initial: 'a',
      states: { a: { invoke: { src: 'kid', id: 'kid', systemId: 'the kid' }, on: { again: { target: 'a', reenter: true } } } },
    })
    const { lifechart } = await runtimes().open()
    const again = lifechart.actors.spawn(chart, { id: 'a' })
    await again.dispatch({ type: 'again' })
    await again.dispatch({ type: 'again' })
    expect(effects.filter(effect => effect === 'started')).toHaveLength(3)
    expect(effects.filter(effect => effect === 'stopped')).toHaveLength(2)
    expect(again.snapshot.status).toBe('active')
  })

  it('leave their system id free when the step that would spawn them is refused', async () => {
    const effects: string[] = []
    let fails = true
    const chart = setup({ actors: { kid: kid(effects) } }).createMachine({
      id: 'careful',
      context: {},
      on: {
        take: {
          actions: [
            assign(({ spawn }) => ({ ref: spawn('kid', { id: 'kid', systemId: 'the kid' }) })),
            assign(() => {
              if (fails) throw new Error('not yet')
              return {}
            }),
          ],
        },
      },
    })
    const { lifechart } = await runtimes().open()
    const careful = lifechart.actors.spawn(chart, { id: 'a' })
    await expect(careful.dispatch({ type: 'take' })).rejects.toMatchObject({ code: 'CHART_FAULT' })
    fails = false
    await careful.dispatch({ type: 'take' })
    expect(effects).toEqual(['started'])
  })

  it('can be written to by their system id in the step that spawns them', async () => {
    const effects: string[] = []
    const chart = setup({ actors: { kid: kid(effects) } }).createMachine({
      id: 'caller',
      initial: 'a',
      states: {
        a: { on: { call: 'b' } },
        b: {
          entry: [
            spawnChild('kid', { id: 'kid', systemId: 'the kid' }),
            sendTo(({ system }) => system.get('the kid') as ActorRef<Snapshot<unknown>, { type: 'ping' }>, { type: 'ping' }),
          ],
          on: { pong: 'c' },
        },
        c: { entry: stopChild('kid') },
      },
    })
    const { lifechart } = await runtimes().open()
    const caller = lifechart.actors.spawn(chart, { id: 'a' })
    await caller.dispatch({ type: 'call' })
    await settled()
    expect(caller.snapshot.value).toBe('c')
    expect(effects).toEqual(['started', 'stopped'])
  })

  it('that share a system id are a fault of the command that makes the second', async () => {
    const chart = setup({ actors: { kid: kid([]) } }).createMachine({
      id: 'twins',
      invoke: { src: 'kid', id: 'first', systemId: 'the kid' },
      initial: 'a',
      states: { a: { on: { twin: 'b' } }, b: { invoke: { src: 'kid', id: 'second', systemId: 'the kid' } } },
    })
    const { lifechart } = await runtimes().open()
    const twins = lifechart.actors.spawn(chart, { id: 'a' })
    await expect(twins.dispatch({ type: 'twin' })).rejects.toMatchObject({ code: 'CHART_FAULT' })
    expect(twins.snapshot).toMatchObject({ value: 'a', status: 'active' })
  })
})
