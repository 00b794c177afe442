/** Every code a {@link LifechartError} can carry. Branch on the code; the message tells a person what to do next. */
export type ErrorCode =
  // the store
  | 'VERSION_CONFLICT'
  | 'OWNED'
  | 'KEY_TAKEN'
  | 'KEY_PRESENT'
  | 'INVALID_ID'
  | 'INVALID_COMMIT'
  | 'INVALID_QUERY'
  | 'COMMIT_TOO_LARGE'
  | 'STORE_FULL'
  | 'STORE_BUSY'
  | 'OUTCOME_UNKNOWN'
  | 'STORE_FAILED'
  | 'STORE_CLOSED'
  | 'STORE_CORRUPT'
  | 'STORE_LOCKED'
  | 'STORE_READ_ONLY'
  | 'STORE_VERSION'
  | 'STORE_UNAVAILABLE'
  | 'STREAM_NOT_FOUND'
  | 'SESSION_LOST'
  | 'GAP'
  // reading a stream
  | 'CURSOR_AHEAD'
  | 'CURSOR_INVALID'
  | 'CURSOR_OTHER_RUN'
  | 'SUBSCRIBER_FAILED'
  | 'SUBSCRIBER_IDLE'
  | 'SUBSCRIBER_LIMIT'
  // lifecycles
  | 'EVENT_REFUSED'
  | 'EVENT_RESERVED'
  | 'CHART_FAULT'
  | 'LIFECYCLE_ENDED'
  | 'LIFECYCLE_EXISTS'
  | 'LIFECYCLE_ELSEWHERE'
  | 'LIFECYCLE_ACTIVE'
  | 'ENVELOPE_INVALID'
  | 'ENVELOPE_VERSION'
  | 'RUNTIME_CLOSED'
  | 'INVALID_OPTION'
  // runs
  | 'RUN_IN_FLIGHT'
  | 'RUN_CAPACITY'
  | 'RUN_NOT_FOUND'
  | 'RUN_EVICTED'
  | 'RUN_TYPE_UNKNOWN'
  | 'RUN_TYPE_TAKEN'
  | 'NOT_RESUMABLE'
  | 'NOT_SERIALIZABLE'
  | 'CHUNK_TOO_LARGE'
  | 'EMIT_OVERFLOW'
  | 'PRODUCER_FAILED'
  | 'RUN_ORPHANED'
  // tasks
  | 'AGENT_UNKNOWN'
  | 'AGENT_TAKEN'
  | 'AGENT_RESPONSE_INVALID'
  | 'REQUEST_INVALID'
  | 'TASK_NOT_FOUND'
  | 'TASK_TERMINAL'
  | 'TASK_NOT_CANCELABLE'
  | 'TASK_CAPACITY'
  | 'EXECUTOR_FAILED'
  | 'EXECUTOR_RETURNED'
  | 'TASK_TIMEOUT'
  | 'TASK_SHUTDOWN'
  | 'TASK_UNANSWERED'
  | 'TASK_ORPHANED'
  // over HTTP
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'MEDIA_TYPE_UNSUPPORTED'
  | 'ORIGIN_REFUSED'
  | 'HOST_REFUSED'
  | 'BODY_TOO_LARGE'
  | 'BODY_INVALID'
  | 'STREAM_LIMIT'
  | 'AUTHORIZE_FAILED'
  | 'SERVER_FAILED'

export interface ErrorDetails {
  /** True when the same call may succeed later without any change; default false. */
  retryable?: boolean
  cause?: unknown
  /** Machine-readable facts: the holder of a key, the floor of a gap, the damaged offset. */
  details?: Readonly<Record<string, unknown>>
}

/** The one error class of Lifechart. */
export class LifechartError extends Error {
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, { retryable = false, cause, details = {} }: ErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'LifechartError'
    this.code = code
    this.retryable = retryable
    this.details = details
  }
}

/** True for an error of ours; with codes, only for one of those. */
export function isLifechartError(error: unknown, ...codes: ErrorCode[]): error is LifechartError {
  return error instanceof LifechartError && (codes.length === 0 || codes.includes(error.code))
}
