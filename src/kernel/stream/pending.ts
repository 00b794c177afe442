import { LifechartError } from '../../errors.ts'
import type { Json } from '../port.ts'
import type { Encoded, Entry } from './record.ts'

export interface PendingLimits {
  /** Records under way to the store before `ready` waits. */
  inflightRecords: number
  /** Characters of text under way to the store before `ready` waits. */
  inflightBytes: number
}

/** Ignoring back-pressure is an error this far beyond the limits. */
const hardFactor = 16
/** Data of one commit, in characters; leaves room for a step within the port's 8 MiB even when every character takes three bytes. */
const commitCharacters = 1024 * 1024

/** Records of one commit. */
export interface Taken {
  texts: Json[]
  entries: Entry[]
}

/** What a stream's writer has accepted and not committed yet, and the back-pressure when that is too much. */
export class Pending {
  readonly #limits: PendingLimits
  #texts: Json[] = []
  #entries: Entry[] = []
  #bytes = 0
  /** In the commit that is under way. */
  #sentRecords = 0
  #sentBytes = 0
  #ready: Promise<void> | undefined
  #relieve: (() => void) | undefined

  constructor(limits: PendingLimits) {
    this.#limits = limits
  }

  get records(): number {
    return this.#texts.length + this.#sentRecords
  }

  /** True if something waits for the next commit. */
  get waiting(): boolean {
    return this.#texts.length > 0
  }

  /** True if it is more than one commit can hold. */
  get large(): boolean {
    return this.#bytes > commitCharacters
  }

  /** The store is behind. */
  get behind(): boolean {
    const { inflightRecords, inflightBytes } = this.#limits
    return this.records > inflightRecords || this.#bytes + this.#sentBytes > inflightBytes
  }

  /** Resolves when the store has caught up, or nobody is to wait any more. */
  ready(): Promise<void> {
    if (!this.behind) return Promise.resolve()
    this.#ready ??= new Promise(resolve => (this.#relieve = resolve))
    return this.#ready
  }

  /** Throws `EMIT_OVERFLOW` when a producer has ignored the back-pressure for too long. */
  append({ text, entry }: Encoded): void {
    const { inflightRecords, inflightBytes } = this.#limits
    const bytes = this.#bytes + this.#sentBytes
    // One that nothing waits in front of is taken whatever its size.
    if (this.records >= inflightRecords * hardFactor || (bytes > 0 && bytes + text.length > inflightBytes * hardFactor)) {
      throw new LifechartError('EMIT_OVERFLOW', `${this.records} records wait for the store. Await emit() before the next one.`)
    }
    this.#texts.push(text)
    this.#entries.push(entry)
    this.#bytes += text.length
  }

  /** Takes what one commit can hold. */
  take(): Taken {
    if (!this.large) {
      const taken = { texts: this.#texts, entries: this.#entries }
      this.#sentBytes = this.#bytes
      this.#texts = []
      this.#entries = []
      this.#bytes = 0
      return taken
    }
    let bytes = 0
    let count = 0
    do bytes += this.#texts[count++]?.length ?? 0
    while (count < this.#texts.length && bytes + (this.#texts[count]?.length ?? 0) <= commitCharacters)
    this.#sentBytes = bytes
    this.#bytes -= bytes
    return { texts: this.#texts.splice(0, count), entries: this.#entries.splice(0, count) }
  }

  /** What was taken for a commit that could not be made waits again. */
  giveBack({ texts, entries }: Taken): void {
    this.#texts = [...texts, ...this.#texts]
    this.#entries = [...entries, ...this.#entries]
    this.#bytes += this.#sentBytes
    this.#sentBytes = 0
  }

  /** A commit of so many records is under way. */
  sent(records: number): void {
    this.#sentRecords = records
  }

  /** It is answered. */
  answered(): void {
    this.#sentRecords = 0
    this.#sentBytes = 0
  }

  /** Those who wait go on if the store has caught up. */
  relieve(): void {
    if (this.#relieve && !this.behind) this.unblock()
  }

  /** Nobody waits any more. */
  unblock(): void {
    this.#relieve?.()
    this.#relieve = undefined
    this.#ready = undefined
  }

  drop(): void {
    this.#texts = []
    this.#entries = []
    this.#bytes = 0
    this.unblock()
  }
}
