import {
  A2AError,
  ContentTypeNotSupportedError,
  ExtendedAgentCardNotConfiguredError,
  ExtensionSupportRequiredError,
  PushNotificationNotSupportedError,
  RequestMalformedError,
  TaskNotCancelableError,
  TaskNotFoundError,
  UnsupportedOperationError,
} from '@a2a-js/sdk/errors'
import { type ErrorCode, LifechartError } from '../errors.ts'
import type { Logger } from '../kernel/port.ts'

type A2AErrorClass = new (message: string) => A2AError

/** Errors that clients are told of with their own text (A2A 1.0, section 3.3.2); every other one is internal. */
const told: Partial<Record<ErrorCode, A2AErrorClass>> = {
  TASK_NOT_FOUND: TaskNotFoundError,
  TASK_TERMINAL: UnsupportedOperationError,
  TASK_NOT_CANCELABLE: TaskNotCancelableError,
  REQUEST_INVALID: RequestMalformedError,
  NOT_SERIALIZABLE: RequestMalformedError,
  CURSOR_AHEAD: RequestMalformedError,
  CURSOR_INVALID: RequestMalformedError,
}

/** Bounds: the call may succeed later. */
const bounds: readonly ErrorCode[] = ['TASK_CAPACITY', 'SUBSCRIBER_LIMIT', 'STREAM_LIMIT', 'RUN_CAPACITY']

/** What clients are told of an error: a class of A2A, or an internal error with a code and a safe text. The cause goes into the log. */
export function toA2AError(error: unknown, logger: Logger): A2AError {
  if (error instanceof A2AError) return error
  if (error instanceof LifechartError) {
    const known = told[error.code]
    if (known) return new known(error.message)
    if (bounds.includes(error.code)) return new A2AError({ message: error.message, metadata: { code: error.code } })
    logger.error('A call failed.', { code: error.code, error: error.message })
    return new A2AError({ message: `The server could not do this (${error.code}).`, metadata: { code: error.code } })
  }
  logger.error('A call failed.', { error: String(error) })
  return new A2AError('The server could not do this.')
}

export {
  ContentTypeNotSupportedError,
  ExtendedAgentCardNotConfiguredError,
  ExtensionSupportRequiredError,
  PushNotificationNotSupportedError,
  RequestMalformedError,
  UnsupportedOperationError,
}
