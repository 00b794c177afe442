/** Bytes that somebody was sent, up to the event of this number. */
export interface Kept {
  bytes: Uint8Array
  to: number
}

/** Pieces of old events, for those who read the same ones soon after: what is stored of a run does not change. The oldest give way. */
export class Shelf {
  readonly #most: number
  readonly #pieces = new Map<string, Kept>()
  #size = 0

  /** At most so many bytes in total. */
  constructor(most: number) {
    this.#most = most
  }

  get(runId: string, after: number): Kept | undefined {
    return this.#pieces.get(`${runId}:${after}`)
  }

  put(runId: string, after: number, piece: Kept): void {
    const key = `${runId}:${after}`
    if (this.#pieces.has(key) || piece.bytes.byteLength > this.#most) return
    this.#pieces.set(key, piece)
    this.#size += piece.bytes.byteLength
    for (const [oldest, { bytes }] of this.#pieces) {
      if (this.#size <= this.#most) break
      this.#pieces.delete(oldest)
      this.#size -= bytes.byteLength
    }
  }
}
