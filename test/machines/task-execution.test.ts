import { type ExecutorMachineEvent, type TaskInput, taskMachine } from 'lifechart/machines'
import { describe, expect, it } from 'vitest'
import { createActor, fromCallback, SimulatedClock, transition } from 'xstate'
import { after, type EventName, events, faults, input, leafIn } from './task-chart.ts'

const hour = 3_600_000
const waits: Record<string, { given: Partial<TaskInput>; sent: EventName[] }> = {
  'waiting.idle': { given: { returnOpen: 'leave' }, sent: ['executor.returned'] },
  'waiting.parked': { given: {}, sent: ['status.inputRequired', 'executor.returned'] },
  'waiting.scheduled': { given: { startDelay: 1_000 }, sent: [] },
  'waiting.backingOff': { given: { retry: { max: 1, backoff: 100 } }, sent: ['executor.threw'] },
  'waiting.queued': { given: { takesTurns: true }, sent: [] },
}

describe('the requests of a task', () => {
  it('are executed in order, one at a time', () => {
    const task = start({ pending: ['r-0', 'r-1'], returnOpen: 'leave' })
    task.send('request.arrived')
    expect(task.executor).toEqual(['r-0 begins'])
    task.send('executor.returned')
    expect(task.executor).toEqual(['r-0 begins', 'r-0 ends', 'r-1 begins'])
    task.send('executor.returned')
    expect(task.executor.slice(3)).toEqual(['r-1 ends', 'r-2 begins'])
    task.send('executor.returned')
    expect(task.executor.slice(5)).toEqual(['r-2 ends'])
    expect([task.work(), task.context().attempt]).toEqual(['waiting.idle', 3])
  })

  it('begin when the delay of the start has passed, not a millisecond earlier', () => {
    const task = start({ startDelay: 1_000 })
    task.pass(999)
    expect([task.work(), task.executor]).toEqual(['waiting.scheduled', []])
    task.pass(1)
    expect([task.work(), task.executor]).toEqual(['executing.running', ['r-1 begins']])
  })

  it('wait for their turn after the delay of the start, and after each pause', () => {
    const task = start({ startDelay: 1_000, takesTurns: true, retry: { max: 1, backoff: 100 } })
    task.send('turn.granted')
    task.pass(1_000)
    expect([task.work(), task.executor]).toEqual(['waiting.queued', []])
    task.send('turn.granted', 'executor.threw')
    task.pass(100)
    expect([task.work(), task.executor]).toEqual(['waiting.queued', ['r-1 begins', 'r-1 ends']])
    task.send('turn.granted')
    expect(task.executor.slice(2)).toEqual(['r-1 begins'])
  })

  it('wait for that delay only before the first execution', () => {
    const task = start({ startDelay: 1_000, returnOpen: 'leave' })
    task.pass(1_000)
    task.send('executor.returned', 'request.arrived')
    expect(task.work()).toBe('executing.running')
  })
})

describe('a task whose executor returns without a result', () => {
  it.each(['status.submitted', 'status.working'] as const)('fails by default after %s', told => {
    const task = start()
    task.send(told, 'executor.returned')
    expect([task.status(), task.context().fault]).toEqual(['failed', faults.returnedOpen])
  })

  it.each([
    ['status.submitted', 'open.submitted'],
    ['status.working', 'open.working'],
  ] as const)('stays open after %s when it may, until the next request', (told, status) => {
    const task = start({ returnOpen: 'leave' })
    task.send(told, 'executor.returned')
    expect([task.status(), task.work()]).toEqual([status, 'waiting.idle'])
    task.send('request.arrived')
    expect(task.executor).toEqual(['r-1 begins', 'r-1 ends', 'r-2 begins'])
  })

  it.each(['status.inputRequired', 'status.authRequired'] as const)('is parked after %s until it is answered', told => {
    const task = start()
    task.send(told, 'executor.returned')
    expect([task.work(), task.executor]).toEqual(['waiting.parked', ['r-1 begins', 'r-1 ends']])
    task.send('request.arrived')
    expect([task.work(), task.executor.slice(2)]).toEqual(['executing.running', ['r-2 begins']])
  })

  it.each(['status.working', 'status.inputRequired'] as const)('needs another turn for the next request, after %s', told => {
    const task = start({ takesTurns: true, returnOpen: 'leave' })
    task.send('turn.granted', told, 'executor.returned', 'request.arrived')
    expect([task.work(), task.executor]).toEqual(['waiting.queued', ['r-1 begins', 'r-1 ends']])
    task.send('turn.granted')
    expect(task.executor.slice(2)).toEqual(['r-2 begins'])
  })

  it.each(['status.working', 'status.inputRequired'] as const)('takes up at once what arrived meanwhile, after %s', told => {
    const task = start({ returnOpen: 'leave' })
    task.send(told, 'request.arrived', 'executor.returned')
    expect([task.work(), task.executor]).toEqual(['executing.running', ['r-1 begins', 'r-1 ends', 'r-2 begins']])
  })
})

describe('a task that is called off', () => {
  it.each(Object.entries(waits))('is canceled at once when it is %s, and never executed again', (work, { given, sent }) => {
    const task = start(given)
    task.send(...sent)
    expect(task.work()).toBe(work)
    const begun = [...task.executor]
    task.send('cancel.requested')
    expect([task.status(), task.context().forced]).toEqual(['canceled', undefined])
    task.pass(24 * hour)
    expect(task.executor).toEqual(begun)
  })

  it('tells its executor once, and waits for the clean-up', () => {
    const task = start()
    task.send('cancel.requested', 'cancel.requested')
    expect([task.status(), task.work()]).toEqual(['open.submitted', 'executing.cancelling'])
    expect(task.executor).toEqual(['r-1 begins', 'r-1 is aborted: cancel'])
    task.send('executor.returned')
    expect([task.status(), task.context().forced, task.executor.slice(2)]).toEqual(['canceled', undefined, ['r-1 ends']])
  })

  it('is canceled by force when the clean-up outlasts the grace, not a millisecond earlier', () => {
    const task = start()
    task.send('cancel.requested')
    task.pass(4_999)
    expect(task.work()).toBe('executing.cancelling')
    task.pass(1)
    expect([task.status(), task.context().forced, task.executor.slice(2)]).toEqual(['canceled', true, ['r-1 ends']])
  })

  it('keeps the result that comes before the end of the clean-up', () => {
    const task = start()
    task.send('cancel.requested', 'status.completed')
    task.pass(5_000)
    expect([task.status(), task.context().forced]).toEqual(['completed', undefined])
  })
})

describe('a request that processes die of', () => {
  const died = (policy: 'resume' | 'requeue') => ({ type: 'owner.lost', policy, died: true }) as const
  const working = after('default', input, 'status.working')

  it.each(['resume', 'requeue'] as const)('is executed again four times (%s), and with the fifth death its task fails', policy => {
    let snapshot = working
    for (let deaths = 1; deaths < 5; deaths++) {
      ;[snapshot] = transition(taskMachine, snapshot, died(policy))
      expect([leafIn(snapshot, 'work'), snapshot.context.deaths, snapshot.context.attempt]).toEqual([
        'executing.running',
        deaths,
        deaths + 1,
      ])
    }
    ;[snapshot] = transition(taskMachine, snapshot, died(policy))
    expect([leafIn(snapshot, 'status'), snapshot.context.fault]).toEqual(['failed', faults.orphaned])
  })

  it('counts its own dead alone: they are forgotten when an execution returns', () => {
    let snapshot = working
    for (let deaths = 0; deaths < 4; deaths++) [snapshot] = transition(taskMachine, snapshot, died('resume'))
    for (const name of ['status.inputRequired', 'executor.returned', 'request.arrived'] as const)
      [snapshot] = transition(taskMachine, snapshot, events[name])
    ;[snapshot] = transition(taskMachine, snapshot, died('resume'))
    expect([leafIn(snapshot, 'work'), snapshot.context.deaths]).toEqual(['executing.running', 1])
  })
})

describe('a task whose executor throws', () => {
  it('is tried again as often as it may be, after pauses of twice the length each, and then fails', () => {
    const task = start({ retry: { max: 3, backoff: 100 } })
    for (const [tried, pause] of [100, 200, 400].entries()) {
      task.send('status.working', 'executor.threw')
      expect([task.status(), task.work()]).toEqual(['open.submitted', 'waiting.backingOff'])
      task.pass(pause - 1)
      expect(task.work()).toBe('waiting.backingOff')
      task.pass(1)
      expect([task.work(), task.context().attempt]).toEqual(['executing.running', tried + 2])
    }
    task.send('executor.threw')
    expect([task.status(), task.context().fault]).toEqual(['failed', faults.thrown])
    expect(task.executor).toEqual(Array.from({ length: 4 }, () => ['r-1 begins', 'r-1 ends']).flat())
  })

  it('fails at once when nothing is said about trying again', () => {
    const task = start()
    task.send('executor.threw')
    expect([task.status(), task.context().fault]).toEqual(['failed', faults.thrown])
  })

  it('tries the same request again, before those that arrived meanwhile', () => {
    const task = start({ retry: { max: 1, backoff: 100 } })
    task.send('request.arrived', 'executor.threw', 'request.arrived')
    task.pass(100)
    expect([task.executor.at(-1), task.context().pending]).toEqual(['r-1 begins', ['r-2', 'r-2']])
  })

  it('has all its tries again for the next request', () => {
    const task = start({ retry: { max: 1, backoff: 100 } })
    task.send('executor.threw')
    task.pass(100)
    task.send('status.inputRequired', 'executor.returned', 'request.arrived', 'executor.threw')
    expect(task.work()).toBe('waiting.backingOff')
    task.pass(100)
    expect(task.executor.at(-1)).toBe('r-2 begins')
  })
})

describe('a task that takes too long', () => {
  it('has its executor told when the wall time has passed, and fails after the clean-up', () => {
    const task = start({ wallTimeout: 60_000 })
    task.pass(59_999)
    expect(task.work()).toBe('executing.running')
    task.pass(1)
    expect([task.work(), task.executor]).toEqual(['executing.expiring', ['r-1 begins', 'r-1 is aborted: timeout']])
    task.send('executor.returned')
    expect([task.status(), task.context().fault, task.context().forced]).toEqual(['failed', faults.timedOut, undefined])
  })

  it.each(['limit.exceeded', 'wallTimeout passed'] as const)('fails by force when the clean-up after %s outlasts the grace', expired => {
    const task = start()
    task.send(expired)
    task.pass(4_999)
    expect(task.work()).toBe('executing.expiring')
    task.pass(1)
    expect([task.status(), task.context().fault, task.context().forced]).toEqual(['failed', faults.timedOut, true])
    expect(task.executor.at(-1)).toBe('r-1 ends')
  })

  it('has the whole wall time for every execution', () => {
    const task = start({ wallTimeout: 60_000, retry: { max: 1, backoff: 100 } })
    task.pass(59_999)
    task.send('executor.threw')
    task.pass(100)
    task.pass(59_999)
    expect(task.work()).toBe('executing.running')
    task.pass(1)
    expect(task.work()).toBe('executing.expiring')
  })

  it('is canceled when it is called off during the clean-up', () => {
    const task = start()
    task.send('limit.exceeded', 'cancel.requested', 'executor.returned')
    expect(task.status()).toBe('canceled')
    expect(task.executor).toEqual(['r-1 begins', 'r-1 is aborted: timeout', 'r-1 is aborted: cancel', 'r-1 ends'])
  })

  it('may be interrupted for ever while it is executed, and only so long once it is parked', () => {
    const task = start({ interruptedTimeout: 10_000 })
    task.send('status.inputRequired')
    task.pass(20_000)
    expect(task.work()).toBe('executing.running')
    task.send('executor.returned')
    task.pass(9_999)
    expect(task.work()).toBe('waiting.parked')
    task.pass(1)
    expect([task.status(), task.context().fault]).toEqual(['failed', faults.unanswered])
  })

  it('does not fail for want of an answer that came', () => {
    const task = start({ interruptedTimeout: 10_000 })
    task.send('status.inputRequired', 'executor.returned')
    task.pass(9_999)
    task.send('request.arrived')
    task.pass(10_000)
    expect([task.status(), task.work()]).toEqual(['open.interrupted.inputRequired', 'executing.running'])
  })
})

describe('a task whose owner is lost', () => {
  it('goes on with the same executor when it resumes', () => {
    const task = start()
    task.send('status.working', 'owner.lost: resume')
    expect([task.status(), task.executor, task.context().attempt]).toEqual(['open.working', ['r-1 begins'], 2])
  })

  it('is executed anew when it is queued again, before the requests behind it', () => {
    const task = start()
    task.send('status.working', 'request.arrived', 'owner.lost: requeue')
    expect([task.status(), task.executor]).toEqual(['open.submitted', ['r-1 begins', 'r-1 ends', 'r-1 begins']])
    expect(task.context()).toMatchObject({ pending: ['r-2'], attempt: 2 })
  })

  it('waits for another turn when it is queued again and takes turns', () => {
    const task = start({ takesTurns: true })
    task.send('turn.granted', 'owner.lost: requeue')
    expect([task.work(), task.context().pending]).toEqual(['waiting.queued', ['r-1']])
  })

  it.each(Object.entries(waits))('does not notice when it is %s', (work, { given, sent }) => {
    const task = start(given)
    task.send(...sent)
    const before = task.snapshot()
    task.send('owner.lost: fail', 'owner.lost: resume', 'owner.lost: requeue')
    expect([task.work(), task.status(), task.context()]).toEqual([work, leafIn(before, 'status'), before.context])
  })
})

/** A task with a simulated clock, and the diary of its executors. Times that nothing is said about are long, but not infinite. */
function start(given: Partial<TaskInput> = {}) {
  const clock = new SimulatedClock()
  const executor: string[] = []
  const machine = taskMachine.provide({
    actors: {
      executor: fromCallback<ExecutorMachineEvent, { taskId: string; requestId: string; attempt: number }>(
        ({ input: { requestId }, receive }) => {
          executor.push(`${requestId} begins`)
          receive(({ reason }) => executor.push(`${requestId} is aborted: ${reason}`))
          return () => executor.push(`${requestId} ends`)
        },
      ),
    },
  })
  const actor = createActor(machine, { input: { ...input, wallTimeout: hour, interruptedTimeout: hour, ...given }, clock }).start()
  const snapshot = () => actor.getSnapshot()
  return {
    executor,
    snapshot,
    status: () => leafIn(snapshot(), 'status'),
    work: () => leafIn(snapshot(), 'work'),
    context: () => snapshot().context,
    pass: (milliseconds: number) => clock.increment(milliseconds),
    send: (...names: EventName[]) => {
      for (const name of names) actor.send(events[name])
    },
  }
}
