import { LifechartError } from '../errors.ts'
import { wait } from '../kernel/clock.ts'
import type { Clock, Logger } from '../kernel/environment.ts'
import { errorText } from '../kernel/error-text.ts'
import type { Action } from './path.ts'

export interface Question {
  request: Request
  action: Action | 'start'
  id: string
  /** Where an exact run is meant. */
  runId?: string
}

/** `false` looks like a run that does not exist. A caller that is named has its own share of `limits.streamsPerCaller`. */
export type Permission = boolean | { caller: string }

export type Authorize = (question: Question) => Permission | Promise<Permission>

/** One who may. */
export interface Allowed {
  caller: string | undefined
}

export interface GuardOptions {
  authorize: Authorize | 'public'
  clock: Clock
  logger: Logger
  /** Milliseconds. */
  authorizeWait: number
}

/** Asks whether somebody may do what they ask for. */
export class Guard {
  readonly #options: GuardOptions

  constructor(options: GuardOptions) {
    const { authorize } = options
    if (authorize !== 'public' && typeof authorize !== 'function') {
      throw new LifechartError(
        'INVALID_OPTION',
        `Give authorize, a function that says who may see and stop a run; or 'public' for everybody.`,
      )
    }
    this.#options = options
  }

  /** Undefined for one who may not. `AUTHORIZE_FAILED` when there is no answer. */
  async ask(question: Question): Promise<Allowed | undefined> {
    const { authorize } = this.#options
    if (authorize === 'public') return { caller: undefined }
    const permission = await this.#answer(authorize, question)
    if (permission === true) return { caller: undefined }
    const caller = typeof permission === 'object' ? permission?.caller : undefined
    return typeof caller === 'string' ? { caller } : undefined
  }

  async #answer(authorize: Authorize, question: Question): Promise<Permission> {
    const { clock, logger, authorizeWait } = this.#options
    const answered = new AbortController()
    const asked = Promise.resolve(question).then(authorize)
    try {
      const late = wait(clock, authorizeWait, answered.signal).then(() => {
        throw new Error(`No answer within ${authorizeWait} ms.`)
      })
      return await Promise.race([asked, late])
    } catch (cause) {
      logger.warn('authorize failed; nobody was let in.', { action: question.action, error: errorText(cause) })
      throw new LifechartError('AUTHORIZE_FAILED', 'authorize threw, or did not answer.', { cause, retryable: true })
    } finally {
      answered.abort()
    }
  }
}
