import type { Json } from '../kernel/port.ts'

/** Events next to each other as one text, with where each of them ends. */
interface Pack {
  text: string
  ends: Uint32Array
}

/** A pack is made of this many events: one long string is far cheaper to keep, and to collect around, than many short ones. */
const packed = 256

/** The events of one stream in memory, by position from 0. */
export class PackedEvents {
  #packs: Pack[] = []
  #tail: Json[] = []
  /** How many events in front of the first pack are gone. */
  #dropped = 0

  push(events: readonly Json[]): void {
    for (const event of events) {
      this.#tail.push(event)
      if (this.#tail.length === packed) this.#pack()
    }
  }

  #pack(): void {
    const ends = new Uint32Array(packed)
    let end = 0
    for (let i = 0; i < packed; i++) {
      end += (this.#tail[i] as Json).length
      ends[i] = end
    }
    this.#packs.push({ text: this.#tail.join(''), ends })
    this.#tail = []
  }

  /** Those from `from` up to and without `to`. */
  slice(from: number, to: number): Json[] {
    const events: Json[] = []
    for (let i = from + this.#dropped; i < to + this.#dropped; i++) events.push(this.#at(i))
    return events
  }

  #at(index: number): Json {
    const pack = this.#packs[Math.floor(index / packed)]
    if (!pack) return this.#tail[index - this.#packs.length * packed] as Json
    const place = index % packed
    return pack.text.slice(place === 0 ? 0 : pack.ends[place - 1], pack.ends[place])
  }

  /** Drops the first `count`; position 0 is the one behind them. */
  drop(count: number): void {
    this.#dropped += count
    const whole = Math.min(Math.floor(this.#dropped / packed), this.#packs.length)
    this.#packs.splice(0, whole)
    this.#dropped -= whole * packed
    if (this.#packs.length > 0) return
    this.#tail.splice(0, this.#dropped)
    this.#dropped = 0
  }
}
