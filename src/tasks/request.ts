import { hash } from 'node:crypto'
import { isLifechartError, LifechartError } from '../errors.ts'
import { frozenCopy } from '../kernel/json.ts'
import { decodeMessage, decodeMetadata, encodeMessage, encodeMetadata, type StoredMessage } from './codec.ts'
import type { JsonObject, Message, SendRequest } from './model.ts'

/** On whose behalf something is asked. Without a user, a task is reachable by its id only. */
export interface Caller {
  tenant?: string | undefined
  user?: string | undefined
}

/** A message that was accepted for a task, with all that its execution needs. */
export interface StoredRequest {
  message: StoredMessage
  caller: Caller
  metadata?: JsonObject
  configuration?: unknown
}

/** What a task is found by: its tenant and, if it has one, its user. */
export function scopeOf({ tenant = '', user }: Caller): string {
  return JSON.stringify(user === undefined ? [tenant] : [tenant, user])
}

/** Who has the scope. */
export function callerOf(scope: string): Caller {
  const [tenant = '', user] = JSON.parse(scope) as string[]
  return { ...(tenant !== '' && { tenant }), ...(user !== undefined && { user }) }
}

/** Each of them is looked for. */
const mostReferences = 256

/** Anonymous callers share a scope: a message id is a claim on an outcome only when it is as hard to guess as a task id. */
const unguessable = 22

/**
 * The key by which a message that is sent again finds what became of it; undefined when it can not be told from somebody else's.
 * `taskId` is that of the message as it was sent.
 */
export function messageKey(caller: Caller, messageId: string, taskId: string): string | undefined {
  if (caller.user === undefined && taskId === '' && messageId.length < unguessable) return undefined
  const named = JSON.stringify([caller.tenant ?? '', caller.user ?? null, messageId, caller.user === undefined ? taskId : ''])
  return `message/${hash('sha256', named, 'base64url').slice(0, 22)}`
}

/** Takes a request in: checked, and a copy. `REQUEST_INVALID`, also beyond `limit` characters; `NOT_SERIALIZABLE`. */
export function acceptRequest(request: SendRequest, caller: Caller, limit: number): StoredRequest {
  const { message, metadata, configuration } = request
  if (!message || typeof message.messageId !== 'string' || message.messageId === '') throw invalid('message.messageId is required.')
  if (!Array.isArray(message.parts) || message.parts.length === 0) throw invalid('message.parts must have at least one part.')
  if (!isContextId(message.contextId)) throw invalid('message.contextId is at most 256 bytes of well-formed text.')
  const said = { message: encoded(message), ...encodeMetadata(metadata) }
  const { referenceTaskIds = [] } = said.message
  if (referenceTaskIds.length > mostReferences) throw invalid(`A message refers to at most ${mostReferences} tasks.`)
  const size = JSON.stringify(said).length
  if (size > limit) throw invalid(`The message has ${size} characters; limits.messageBytes is ${limit}.`)
  return {
    ...said,
    caller: { ...(caller.tenant && { tenant: caller.tenant }), ...(caller.user !== undefined && { user: caller.user }) },
    ...(configuration !== undefined && { configuration: frozenCopy(configuration, 'configuration') }),
  }
}

function isContextId(contextId: unknown): boolean {
  if (!contextId) return true
  return typeof contextId === 'string' && Buffer.byteLength(contextId) <= 256 && contextId.isWellFormed() && !contextId.includes('\0')
}

/** What is wrong with it is the sender's fault here. */
function encoded(message: Message): StoredMessage {
  try {
    return encodeMessage(message)
  } catch (error) {
    throw isLifechartError(error, 'AGENT_RESPONSE_INVALID') ? invalid(error.message) : error
  }
}

function invalid(text: string): LifechartError {
  return new LifechartError('REQUEST_INVALID', text)
}

/** The request with the ids of the task that it belongs to. */
export function placed(request: StoredRequest, ids: { taskId: string; contextId: string }): StoredRequest {
  return { ...request, message: { ...request.message, ...ids } }
}

/** A copy that is the executor's own. */
export function restoreRequest({ message, metadata, configuration }: StoredRequest): SendRequest {
  return {
    message: decodeMessage(message),
    metadata: decodeMetadata(metadata),
    configuration: structuredClone(configuration) as SendRequest['configuration'],
  }
}

/** Names a request within its task, where nobody has to guess it: a part of an id is enough. */
export const requestIdOf = (id: string): string => id.slice(-12)
