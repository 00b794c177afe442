import { LifechartError } from '../errors.ts'
import type { Logger } from '../kernel/port.ts'
import type { TaskInput, TaskOrphanPolicy } from '../machines/task-setup.ts'
import type { TaskBus } from './bus.ts'
import type { Message, SendRequest, Task } from './model.ts'
import type { Caller } from './request.ts'

/** What an execution is given: its own message, its own caller, and the task as committed when it began. */
export interface ExecutionContext {
  /** With the ids of the task in its message. */
  readonly request: SendRequest
  readonly userMessage: Message
  readonly taskId: string
  readonly contextId: string
  /** What the caller's side passed along; after a restart what {@link Agent.recall} makes of the caller. */
  readonly context: unknown
  /** Undefined for the first request. */
  readonly task?: Task | undefined
  /** Those of the tasks that the message refers to which exist for the caller. */
  readonly referenceTasks?: Task[] | undefined
  /** Aborted when the task is cancelled, takes too long, or leaves this process. Pass it on to whatever you await. */
  readonly signal: AbortSignal
  /** 1 for the task's first execution, and one more for each one behind it. */
  readonly attempt: number
}

/** Does the work of an agent. The `AgentExecutor` of @a2a-js/sdk is one. */
export interface TaskExecutor {
  /** Publishes what becomes of the task, and resolves when nothing more comes. */
  execute(context: ExecutionContext, bus: TaskBus): Promise<void>
  /** Called besides the abort of the signal when the task is cancelled. What it publishes counts. */
  cancelTask?(taskId: string, bus: TaskBus): Promise<void>
}

/** Times in milliseconds. */
export interface TaskPolicy {
  /** What it means that the executor returns while the task is submitted or working. Default `fail`. */
  returnOpen?: 'fail' | 'leave'
  /** What a new owner does with an execution whose process is gone. Default `fail`. */
  orphan?: TaskOrphanPolicy
  /** A message id that the same caller has sent before gets the outcome it had then. Default true. */
  dedupe?: boolean
  /** Only a task that works may be interrupted, and none goes back to submitted. Default false: open states move freely. */
  strict?: boolean
  /** For the clean-up of a cancelled execution. Default 5,000. */
  cancelGrace?: number
  /** Fails the task when an execution publishes nothing for so long. Default none. */
  idleTimeout?: number
  /** Fails the task when one execution takes so long. Default none. */
  wallTimeout?: number
  /** Fails the task when its user does not answer for so long. Default none. */
  interruptedTimeout?: number
  /** How often an execution that throws is tried again, and after how long; each time after twice as long. Default never. */
  retry?: { max: number; backoff: number }
}

/** On whose behalf a task is executed. */
export interface Behalf {
  readonly caller: Caller
  /** Of its newest request; what {@link Agent.recall} makes of the caller when that is gone. */
  readonly context: unknown
}

/** What is defined under a name. */
export interface Agent {
  readonly name: string
  readonly executor: TaskExecutor
  readonly policy: TaskPolicy
  /** The bus of an execution, instead of one of ours. */
  readonly bus?: (taskId: string, context: unknown) => TaskBus
  /** Called once for each execution that had such a bus, when nothing is taken from it any more, with the last state that was published. */
  readonly settle?: (taskId: string, bus: TaskBus, state: number | undefined, context: unknown) => void
  /** Makes the context of a request whose own is gone with its process. */
  readonly recall?: (caller: Caller) => unknown
  /** Called when a task comes to be held here. */
  readonly onActivated?: (taskId: string, behalf: Behalf) => void
  /** Called when a step that gave a task another status was committed; not for what came from another store as it is. */
  readonly onStatus?: (taskId: string, behalf: Behalf) => void
  /** Called when a task that was held here is over or waits, and nobody follows it any more; once each time. */
  readonly onReleased?: (taskId: string) => void
}

const times = ['cancelGrace', 'idleTimeout', 'wallTimeout', 'interruptedTimeout'] as const
const choices = {
  returnOpen: ['fail', 'leave'],
  orphan: ['fail', 'resume', 'requeue'],
  dedupe: [true, false],
  strict: [true, false],
} as const

/** `INVALID_OPTION`. */
export function checkPolicy(policy: TaskPolicy): void {
  const wrong = (name: string, value: unknown, allowed: string) => {
    throw new LifechartError('INVALID_OPTION', `${name} is ${JSON.stringify(value)}; it is ${allowed}.`)
  }
  const names: readonly string[] = [...times, ...Object.keys(choices), 'retry']
  for (const name of Object.keys(policy))
    if (!names.includes(name)) wrong(name, undefined, `no part of a policy: those are ${names.join(', ')}`)
  for (const name of times) {
    const value = policy[name]
    if (value !== undefined && !(typeof value === 'number' && value >= 0)) wrong(name, value, 'a number of milliseconds')
  }
  for (const [name, allowed] of Object.entries(choices) as [keyof typeof choices, readonly unknown[]][]) {
    const value = policy[name]
    if (value !== undefined && !allowed.includes(value)) wrong(name, value, allowed.join(' or '))
  }
  const { retry } = policy
  if (retry && !(Number.isInteger(retry.max) && retry.max >= 0 && retry.backoff >= 0))
    wrong('retry', retry, '{ max, backoff }: a count and milliseconds')
}

/** What is told to those who defined an agent. */
export type AgentHooks = Omit<Agent, 'name' | 'executor' | 'policy'>

/** The hooks of an agent, none of which can disturb what it is told of: one that throws, or rejects, is logged. */
export function guarded({ onActivated, onStatus, onReleased, settle, ...others }: AgentHooks, logger: Logger): AgentHooks {
  const guard = <Given extends unknown[]>(name: string, hook: (...given: Given) => unknown) => {
    const warn = (error: unknown) => logger.warn('A hook of an agent threw.', { hook: name, error: String(error) })
    return (...given: Given): void => {
      try {
        const told = hook(...given)
        // It may be asynchronous, whatever its type says.
        if (told instanceof Promise) told.catch(warn)
      } catch (error) {
        warn(error)
      }
    }
  }
  return {
    ...others,
    ...(onActivated && { onActivated: guard('onActivated', onActivated) }),
    ...(onStatus && { onStatus: guard('onStatus', onStatus) }),
    ...(onReleased && { onReleased: guard('onReleased', onReleased) }),
    ...(settle && { settle: guard('settle', settle) }),
  }
}

/** What the chart of a task of the agent is given. */
export function machineInput({ policy }: Agent, taskId: string, requestId: string | undefined): TaskInput {
  const { cancelGrace, returnOpen, wallTimeout, interruptedTimeout, retry } = policy
  return {
    taskId,
    pending: requestId === undefined ? [] : [requestId],
    ...(cancelGrace !== undefined && { cancelGrace }),
    ...(returnOpen !== undefined && { returnOpen }),
    ...(wallTimeout !== undefined && { wallTimeout }),
    ...(interruptedTimeout !== undefined && { interruptedTimeout }),
    ...(retry && { retry: { max: retry.max, backoff: retry.backoff } }),
  }
}
