import { isLifechartError, LifechartError } from '../errors.ts'
import { assertJson } from '../kernel/json.ts'
import { type Message, Role, type SendRequest } from './model.ts'
import { type Caller, type StoredRequest, storeRequest } from './request.ts'

/** Tasks that one message may refer to: each of them is read. */
const mostReferences = 64
/** Bytes of a contextId. */
const longestContext = 256

/**
 * The request as it is stored, a copy: what is wrong with it is found before anything happens. `REQUEST_INVALID`, `NOT_SERIALIZABLE`.
 * `messageBytes` bounds its characters, all together.
 */
export function checkRequest(request: SendRequest, caller: Caller, messageBytes: number): StoredRequest {
  checkMessage(request.message)
  const stored = encoded(request, caller)
  // As deep as it will lie in the first step of a task.
  assertJson({ input: { request: stored } }, 'event')
  const size = JSON.stringify(stored).length
  if (size > messageBytes) throw invalid(`The message has ${size} characters; limits.messageBytes is ${messageBytes}.`)
  return stored
}

function checkMessage(message: Message | undefined): void {
  if (!message || typeof message.messageId !== 'string' || message.messageId === '') throw invalid('message.messageId is required.')
  const { role, parts, contextId, referenceTaskIds } = message
  if (role !== Role.ROLE_USER) throw invalid('message.role is ROLE_USER.')
  if (!Array.isArray(parts) || parts.length === 0) throw invalid('message.parts must have at least one part.')
  if (!parts.every(part => part?.content)) throw invalid('Each of message.parts has a text, raw, url or data.')
  if (contextId) checkContextId(contextId, 'message.contextId')
  if (referenceTaskIds?.length > mostReferences) throw invalid(`message.referenceTaskIds are at most ${mostReferences}.`)
}

function encoded(request: SendRequest, caller: Caller): StoredRequest {
  try {
    return storeRequest(request, caller)
  } catch (error) {
    // The same data model as that of an agent's answers, whose fault this is not.
    throw isLifechartError(error, 'AGENT_RESPONSE_INVALID') ? invalid(error.message, error) : error
  }
}

/** `REQUEST_INVALID` for one that no task can have. */
export function checkContextId(contextId: unknown, what: string): void {
  const fits = typeof contextId === 'string' && contextId.isWellFormed() && !contextId.includes('\0')
  if (!fits || Buffer.byteLength(contextId) > longestContext)
    throw invalid(`${what} is at most ${longestContext} bytes of well-formed text.`)
}

/** `REQUEST_INVALID` for what is no length. */
export function checkHistoryLength(historyLength: number | undefined): void {
  if (historyLength !== undefined && !(Number.isInteger(historyLength) && historyLength >= 0))
    throw invalid('historyLength is a whole number, 0 or more.')
}

export function invalid(text: string, cause?: unknown): LifechartError {
  return new LifechartError('REQUEST_INVALID', text, { cause })
}
