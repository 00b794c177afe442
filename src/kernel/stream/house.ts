import type { LifechartError } from '../../errors.ts'
import type { Id, Logger, PersistenceAdapter } from '../port.ts'
import type { Project } from './batch.ts'
import type { WindowBudget } from './window.ts'

export interface StreamLimits {
  /** Records kept in memory per stream. */
  windowRecords: number
  /** Characters of text kept in memory per stream. */
  windowBytes: number
  /** Followers at once of one stream. */
  subscribers: number
}

/** What every stream of a runtime shares. */
export interface StreamHouse {
  readonly adapter: PersistenceAdapter
  readonly logger: Logger
  readonly limits: StreamLimits
  readonly budget: WindowBudget
  /** Milliseconds, for the idle limit of readers. */
  now(): number
  /** Whoever shares the store does not forget the stream until it is let go of. */
  hold(stream: Id): () => void
}

/** How a product shows records. */
export interface Presentation<E> {
  project: Project<E>
  gap(from: number, to: number): E
  /** What followers are told when the store has nothing of the stream any more. Default: what the store says. */
  gone?(cause: LifechartError): LifechartError
}
