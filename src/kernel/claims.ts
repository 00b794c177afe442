import { isLifechartError } from '../errors.ts'
import { awaitsDecision } from './commands.ts'
import type { Environment, PersistenceAdapter, StreamHead } from './port.ts'

/** Why a stream that nobody holds is looked at: by itself, because its deadline is due, or because a command waits for it. */
export type Finding = 'free' | 'due' | 'commanded'

/** What became of it: ours or somebody else's, left where it is, not to be read until something about it changes, or to be looked at again. */
export type Outcome = 'taken' | 'left' | 'unreadable' | 'failed'

export interface ClaimsOptions {
  environment: Environment
  adapter: PersistenceAdapter
  /** The kinds that this runtime can take over. */
  kinds(): readonly string[]
  /** True for streams that are owned here. */
  held(stream: string): boolean
  /** Takes it over, or leaves it: false when there is nothing to do before its deadline. */
  adopt(head: StreamHead, finding: Finding): Promise<boolean>
}

/** Looks at single streams, and takes over those that have something to do. */
export class Claims {
  readonly #options: ClaimsOptions
  /** What could not be taken over, or not even be looked at, though it may have something to do. */
  #failed = new Set<string>()
  #closed = false

  constructor(options: ClaimsOptions) {
    this.#options = options
  }

  close(): void {
    this.#closed = true
  }

  /** What failed so far; it is the caller's to look at it again. */
  takeFailed(): ReadonlySet<string> {
    const failed = this.#failed
    this.#failed = new Set()
    return failed
  }

  /** Takes over what is free and has something under way, or a command that nobody decided. What a session owns is its runtime's, or an orphan. */
  async visit(stream: string): Promise<void> {
    const { adapter, kinds, held, environment } = this.#options
    if (this.#closed || held(stream)) return
    try {
      const head = await adapter.load(stream)
      if (this.#closed || !head?.index.live || head.session !== undefined || held(stream)) return
      if (kinds().includes(head.kind)) await this.claim(head)
    } catch (error) {
      if (this.#closed) return
      this.#failed.add(stream)
      environment.logger.warn('A stored lifecycle could not be looked at; trying again.', { stream, error: String(error) })
    }
  }

  /** Takes over an orphan, or what is free, as {@link visit} does. */
  claim(head: StreamHead): Promise<Outcome> {
    const { adapter, adopt } = this.#options
    return this.#attempt(head, async () => {
      if (await adopt(head, 'free')) return true
      return (await awaitsDecision(adapter, head)) && adopt(head, 'commanded')
    })
  }

  /** Takes it over if there is reason to. */
  look(head: StreamHead, finding: Finding): Promise<Outcome> {
    return this.#attempt(head, () => this.#options.adopt(head, finding))
  }

  async #attempt({ stream }: StreamHead, adopt: () => Promise<boolean>): Promise<Outcome> {
    try {
      return (await adopt()) ? 'taken' : 'left'
    } catch (error) {
      // Somebody else was faster.
      if (isLifechartError(error, 'OWNED', 'VERSION_CONFLICT')) return 'taken'
      if (this.#closed) return 'failed'
      this.#options.environment.logger.error('A stored lifecycle could not be taken over.', { stream, error: String(error) })
      if (isLifechartError(error, 'ENVELOPE_INVALID', 'ENVELOPE_VERSION')) return 'unreadable'
      this.#failed.add(stream)
      return 'failed'
    }
  }
}
