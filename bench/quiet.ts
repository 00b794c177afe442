import type { Logger } from 'lifechart'

/** A benchmark's log is its table. */
export const quiet: Logger = { info() {}, warn() {}, error() {} }
