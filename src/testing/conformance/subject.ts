import type { AdapterSource, PersistenceAdapter } from '../../kernel/port.ts'

/** The two functions of a test runner that the suite needs: those of vitest, node:test, mocha and jest fit. */
export interface Runner {
  describe(name: string, body: () => void): unknown
  it(name: string, body: () => Promise<void>): unknown
}

/** An adapter under test, and what it says it can do. */
export interface ConformanceSubject {
  name: string
  /** A new, empty store. Each case of the suite takes one. */
  create(): Promise<ConformanceStore>
  /** True: `source({ readOnly: true })` opens beside a living writer. */
  readOnly?: boolean
  /**
   * True: several writers may have the store open at once, and sessions outlive the handle that opened them.
   * False: there is one writer, and every session of an earlier open is dead. Default false.
   */
  shared?: boolean
  /** True: the store offers `crash`. */
  crashes?: boolean
  /** True: the store keeps its own time instead of the injected clock's, and offers `time`. */
  ownTime?: boolean
  /** Milliseconds within which a listener hears of a commit of any process. Default 250. */
  pollInterval?: number
}

export interface ConformanceStore {
  /** Every source of a store opens the same data. */
  source(options: { readOnly: boolean }): AdapterSource
  /** Abandons an open adapter as the death of its process would: nothing more is written, flushed, ended or closed. */
  crash?(adapter: PersistenceAdapter): Promise<void>
  time?: {
    now(): Promise<number>
    pass(milliseconds: number): Promise<void>
  }
  /** Removes what the store has left outside of the process. Every adapter has been closed or crashed by then. */
  dispose(): Promise<void>
}
