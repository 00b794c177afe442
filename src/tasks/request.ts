import { hash } from 'node:crypto'
import { LifechartError } from '../errors.ts'
import { frozenCopy } from '../kernel/json.ts'
import { decodeMessage, decodeMetadata, encodeMessage, encodeMetadata, type StoredMessage, thaw } from './codec.ts'
import type { JsonObject, SendRequest } from './model.ts'

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

/** Bytes of a tenant, which may come from a client. */
const longestTenant = 256

/** What a task is found by: its tenant and, if it has one, its user. `REQUEST_INVALID` for what no tenant is called. */
export function scopeOf({ tenant = '', user }: Caller): string {
  if (typeof tenant !== 'string' || Buffer.byteLength(tenant) > longestTenant)
    throw new LifechartError('REQUEST_INVALID', `The tenant is a text of at most ${longestTenant} bytes.`)
  return JSON.stringify(user === undefined ? [tenant] : [tenant, user])
}

/** Who has the scope. */
export function callerOf(scope: string): Caller {
  const [tenant = '', user] = JSON.parse(scope) as string[]
  return { ...(tenant !== '' && { tenant }), ...(user !== undefined && { user }) }
}

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

/** The request as it is stored: a copy. `AGENT_RESPONSE_INVALID`, `NOT_SERIALIZABLE`, `REQUEST_INVALID`. */
export function storeRequest({ message, metadata, configuration }: SendRequest, caller: Caller): StoredRequest {
  scopeOf(caller)
  return {
    message: encodeMessage(message),
    caller: { ...(caller.tenant && { tenant: caller.tenant }), ...(caller.user !== undefined && { user: caller.user }) },
    ...encodeMetadata(metadata),
    ...(configuration !== undefined && { configuration: frozenCopy(configuration, 'configuration') }),
  }
}

/** The request with the ids of the task that it belongs to. */
export function placed(request: StoredRequest, ids: { taskId: string; contextId: string }): StoredRequest {
  return { ...request, message: { ...request.message, ...ids } }
}

/** A copy that is the executor's own. */
export function restoreRequest({ message, metadata, configuration }: StoredRequest): SendRequest {
  return { message: decodeMessage(message), metadata: decodeMetadata(metadata), configuration: thaw(configuration) }
}

/** Names a request within its task, where nobody has to guess it: a part of an id is enough. */
export const requestIdOf = (id: string): string => id.slice(-12)
