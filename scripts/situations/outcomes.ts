import { setTimeout as sleep } from 'node:timers/promises'
import type { Message, StreamResponse, Task } from '@a2a-js/sdk'
import { nameOf } from './script.ts'
import { textOf } from './server.ts'

/** Milliseconds after which one call of a situation counts as one that hangs. */
const patience = 600

export type Outcome<T> = { value: T } | { error: string; text: string } | { hangs: true }

/** What becomes of a promise. */
export async function outcomeOf<T>(promise: Promise<T>, ms = patience): Promise<Outcome<T>> {
  const waiting = new AbortController()
  const late = sleep(ms, undefined, { signal: waiting.signal }).then(
    () => ({ hangs: true }) as const,
    () => ({ hangs: true }) as const,
  )
  const told = promise.then(
    value => ({ value }),
    (error: Error) => ({ error: nameOfError(error), text: error.message }),
  )
  const outcome = await Promise.race([told, late])
  waiting.abort()
  return outcome
}

/** Of its class; the SDK's build begins some with an underscore. */
const nameOfError = ({ name }: Error): string => name.replace(/^_/, '')

/** In words, with those for a value. */
export function tell<T>(outcome: Outcome<T>, words: (value: T) => string): string {
  if ('hangs' in outcome) return 'hangs'
  return 'error' in outcome ? `rejects with ${outcome.error}` : words(outcome.value)
}

/** What a send, a cancel or a look resolved with. */
export function returned(answer: Task | Message): string {
  return 'messageId' in answer ? 'returns a message' : `returns the task, ${nameOf(answer)}`
}

/** Everything that a stream says until it ends, throws or has nothing more to say. */
export async function heard(stream: AsyncIterator<StreamResponse>): Promise<{ events: StreamResponse[]; end: string }> {
  const events: StreamResponse[] = []
  for (;;) {
    const next = await outcomeOf(stream.next(), patience / 2)
    if ('hangs' in next) return { events, end: 'stays open' }
    if ('error' in next) return { events, end: `throws ${next.error}` }
    if (next.value.done) return { events, end: 'ends' }
    events.push(next.value.value)
  }
}

/** The texts of the artifacts that the events tell of, one by one. */
export function chunksOf(events: readonly StreamResponse[]): string[] {
  return events.flatMap(({ payload }) => {
    if (payload?.$case === 'task') return partsOf(payload.value)
    return payload?.$case === 'artifactUpdate' ? (payload.value.artifact?.parts ?? []).map(part => textOf([part])) : []
  })
}

export function partsOf(task: Task): string[] {
  return task.artifacts.flatMap(({ parts }) => parts.map(part => textOf([part])))
}

/** The states that the events tell of, each once in a row. */
export function statesOf(events: readonly StreamResponse[]): string[] {
  const states = events.flatMap(({ payload }) =>
    payload?.$case === 'task' || payload?.$case === 'statusUpdate' ? [nameOf(payload.value)] : [],
  )
  return states.filter((name, i) => name !== states[i - 1])
}

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

/** Repeats a question until the answer satisfies, or time is up; the last answer. */
export async function eventually<T>(ask: () => Promise<T>, satisfied: (answer: T) => boolean, ms = patience): Promise<T> {
  for (const began = performance.now(); ; await sleep(5)) {
    const answer = await ask()
    if (satisfied(answer) || performance.now() - began > ms) return answer
  }
}

/** Lets everything happen that happens by itself. */
export const settled = (): Promise<void> => sleep(50)
