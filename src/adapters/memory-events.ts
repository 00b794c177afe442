import type { Json } from '../kernel/port.ts'

/** Events next to each other as one text, with where each of them ends. */
interface Pack {
  text: string
  ends: Uint32Array
}

/** A pack is made of this many events: one long string is far cheaper to keep, and to collect around, than many short ones. */
const packed = 256

function pack(events: readonly Json[]): Pack {
  const ends = new Uint32Array(events.length)
  let end = 0
  for (const [i, event] of events.entries()) {
    end += event.length
    ends[i] = end
  }
  return { text: events.join(''), ends }
}

function eventOf({ text, ends }: Pack, place: number): Json {
  return text.slice(place === 0 ? 0 : ends[place - 1], ends[place])
}

/** The events of one stream in memory, by position from 0. */
export class PackedEvents {
  #packs: Pack[] = []
  #tail: Json[] = []
  /** The tail of a stream that rests, as one text: a few short strings and their array cost more than what they say. */
  #rested: Pack | undefined
  /** How many events in front of the first pack are gone. */
  #dropped = 0

  push(events: readonly Json[]): void {
    this.#wake()
    for (const event of events) {
      this.#tail.push(event)
      if (this.#tail.length === packed) this.#pack()
    }
  }

  #pack(): void {
    this.#packs.push(pack(this.#tail))
    this.#tail = []
  }

  /** Nothing is likely to be added soon. */
  rest(): void {
    if (this.#tail.length < 2) return
    this.#rested = pack(this.#tail)
    this.#tail = []
  }

  #wake(): void {
    const rested = this.#rested
    if (!rested) return
    this.#rested = undefined
    this.#tail = Array.from(rested.ends, (_, place) => eventOf(rested, place))
  }

  /** Those from `from` up to and without `to`. */
  slice(from: number, to: number): Json[] {
    const events: Json[] = []
    for (let i = from + this.#dropped; i < to + this.#dropped; i++) events.push(this.#at(i))
    return events
  }

  #at(index: number): Json {
    const pack = this.#packs[Math.floor(index / packed)]
    if (pack) return eventOf(pack, index % packed)
    const place = index - this.#packs.length * packed
    return this.#rested ? eventOf(this.#rested, place) : (this.#tail[place] as Json)
  }

  /** Drops the first `count`; position 0 is the one behind them. */
  drop(count: number): void {
    this.#dropped += count
    const whole = Math.min(Math.floor(this.#dropped / packed), this.#packs.length)
    this.#packs.splice(0, whole)
    this.#dropped -= whole * packed
    if (this.#packs.length > 0) return
    this.#wake()
    this.#tail.splice(0, this.#dropped)
    this.#dropped = 0
  }
}
