import type { Agent } from './agent.ts'
import type { Message } from './model.ts'
import type { Place } from './places.ts'
import type { Caller, StoredRequest } from './request.ts'

/** A message on its way. */
export interface Sending {
  agent: Agent
  /** With the ids of its message as they were sent. */
  request: StoredRequest
  caller: Caller
  context: unknown
  key: string | undefined
}

/** What a message led to: an answer that makes no task, or a task, in which it is the request of this id. */
export type Sent = { answer: Message } | { place: Place; requestId: string; created: boolean }
