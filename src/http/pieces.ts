import type { Batch } from '../kernel/stream/batch.ts'
import type { RunEvent } from '../runs/events.ts'
import type { Framing } from './framings/framing.ts'

/** Bytes to be written, and how many records of the batch they hold. */
export interface Piece {
  bytes: Uint8Array
  records: number
}

/** Makes bytes of batches, about so many characters at a time. Readers at one position share what was made for the first of them. */
export class Pieces {
  readonly framing: Framing
  readonly #most: number
  #batch: Batch<RunEvent> | undefined
  #piece: Piece | undefined

  constructor(framing: Framing, most: number) {
    this.framing = framing
    this.#most = most
  }

  of(batch: Batch<RunEvent>, runId: string): Piece {
    if (this.#batch === batch && this.#piece) return this.#piece
    this.#piece = this.#make(batch, runId)
    this.#batch = batch
    return this.#piece
  }

  #make(batch: Batch<RunEvent>, runId: string): Piece {
    const done: Uint8Array[] = []
    let text = ''
    let size = 0
    let records = 0
    while (records < batch.length && size < this.#most) {
      const frame = this.framing.frame(batch, records, runId)
      records++
      if (frame === undefined) continue
      size += frame.length
      if (typeof frame === 'string') {
        text += frame
        continue
      }
      if (text) done.push(Buffer.from(text))
      text = ''
      done.push(frame)
    }
    const last = Buffer.from(text)
    return { bytes: done.length === 0 ? last : Buffer.concat([...done, last]), records }
  }
}
