export interface FollowErrorDetails {
  status?: number
  code?: string
  cause?: unknown
}

/** Why a run can not be followed. Its message tells neither the address nor what the server wrote. */
export class FollowError extends Error {
  /** Of the answer, where there was one. */
  readonly status: number | undefined
  /** What the server calls it, or `INVALID_OPTION`, `CURSOR_INVALID` and `ALREADY_FOLLOWED` of the client itself. */
  readonly code: string | undefined

  constructor(message: string, { status, code, cause }: FollowErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'FollowError'
    this.status = status
    this.code = code
  }
}

/** Connecting again may help. */
export class ConnectionLost extends FollowError {
  /** The header, as the server sent it. */
  readonly retryAfter: string | null

  constructor(message: string, { retryAfter = null, ...details }: FollowErrorDetails & { retryAfter?: string | null } = {}) {
    super(message, details)
    this.retryAfter = retryAfter
  }
}

/** The code in what a server says of an error: `{"error":{"code"}}` or `{"code"}`. */
export function codeIn(text: string): string | undefined {
  try {
    const said: { error?: { code?: unknown }; code?: unknown } = JSON.parse(text)
    const { code } = said.error ?? said
    return typeof code === 'string' ? code : undefined
  } catch {
    return undefined
  }
}
