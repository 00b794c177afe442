/** Bytes that somebody was sent, up to the event of this number. */
export interface Kept {
  bytes: Uint8Array
  to: number
}

/** Pieces of old events, for those who read the same ones soon after: what is stored of a run does not change. The oldest give way. */
export class Shelf {
  readonly #most: number
  readonly #pieces = new Map<string, Kept>()
  readonly #coming = new Map<string, Promise<Kept | undefined>>()
  #size = 0

  /** At most so many bytes in total. */
  constructor(most: number) {
    this.#most = most
  }

  get(runId: string, after: number): Kept | undefined {
    return this.#pieces.get(`${runId}:${after}`)
  }

  /** What another one is about to put here; undefined when nobody is, or nothing came of it. */
  coming(runId: string, after: number): Promise<Kept | undefined> | undefined {
    return this.#coming.get(`${runId}:${after}`)
  }

  /** Puts here what is made; those who want the same meanwhile can wait for it. */
  async fill(runId: string, after: number, make: () => Promise<Kept | undefined>): Promise<Kept | undefined> {
    const key = `${runId}:${after}`
    const making = make()
    const coming = making.catch(() => undefined)
    this.#coming.set(key, coming)
    try {
      const piece = await making
      if (piece) this.put(runId, after, piece)
      return piece
    } finally {
      if (this.#coming.get(key) === coming) this.#coming.delete(key)
    }
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
