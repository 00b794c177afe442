import { type ErrorCode, isLifechartError, LifechartError } from '../errors.ts'

/** The statuses of those codes whose message was written for whoever asked. */
const told: Partial<Record<ErrorCode, number>> = {
  BODY_INVALID: 400,
  CURSOR_INVALID: 400,
  INVALID_ID: 400,
  NOT_SERIALIZABLE: 400,
  ORIGIN_REFUSED: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  CURSOR_AHEAD: 409,
  CURSOR_OTHER_RUN: 409,
  RUN_IN_FLIGHT: 409,
  BODY_TOO_LARGE: 413,
  MEDIA_TYPE_UNSUPPORTED: 415,
  HOST_REFUSED: 421,
  RUN_CAPACITY: 429,
  STREAM_LIMIT: 429,
  SUBSCRIBER_LIMIT: 429,
}

/** The others that a client can deal with, in words that say nothing of the inside. */
const reworded: Partial<Record<ErrorCode, [status: number, text: string]>> = {
  RUN_NOT_FOUND: [404, 'There is no such run.'],
  RUN_EVICTED: [410, 'The run has ended and is no longer kept.'],
  STORE_UNAVAILABLE: [503, 'The store does not answer. Try again.'],
  RUNTIME_CLOSED: [503, 'The server is closing. Try again.'],
  AUTHORIZE_FAILED: [503, 'It could not be found out whether this is allowed. Try again.'],
}

/** What a client is told: a code and a safe text. No stack, path or text of another program leaves this house. */
export interface Failure {
  status: number
  code: ErrorCode
  message: string
  headers?: Record<string, string>
}

export function failureOf(error: unknown): Failure {
  if (isLifechartError(error)) {
    const { code, details, retryable } = error
    const [status, message] = reworded[code] ?? [told[code], error.message]
    if (status !== undefined) return { status, code, message, headers: headersFor(status, details, code) }
    // An adapter's, most likely, and so are its words.
    if (retryable) return { status: 503, code, message: 'The server can not do that now. Try again.', headers: headersFor(503, {}, code) }
  }
  return { status: 500, code: 'SERVER_FAILED', message: 'The server failed; the cause is in its log.' }
}

function headersFor(status: number, { allow }: LifechartError['details'], code: ErrorCode): Record<string, string> {
  // Whoever keeps asking on a connection that is kept would keep a server from its end.
  if (code === 'RUNTIME_CLOSED') return { 'retry-after': '1', connection: 'close' }
  if (status === 429 || status === 503) return { 'retry-after': '1' }
  return typeof allow === 'string' ? { allow } : {}
}

/** The answer to a request that failed. */
export function refuse({ status, code, message, headers }: Failure): Response {
  return json(status, { error: { code, message } }, headers)
}

/** The same for one who may not see the run and where there is none. */
export const unknownRun = () => new LifechartError('RUN_NOT_FOUND', 'There is no such run.')

export function json(status: number, body: unknown, headers?: Record<string, string>): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...plain, ...headers } })
}

/** No cache keeps it, and no browser takes it for something else. */
export const plain = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
