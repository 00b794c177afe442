import { nextTurn } from '../measure.ts'

const texts = Array.from({ length: 512 }, (_, i) => `event ${i} `.padEnd(60, 'x'))

/** The payload of an event: 60 characters. */
export const textOf = (n: number) => texts[n & 511] as string

/** Hands out so many events, `burst` of them in each turn of the event loop. */
export async function paced(events: number, burst: number, write: (text: string, n: number) => unknown): Promise<void> {
  for (let n = 0; n < events; n++) {
    const taken = write(textOf(n), n)
    if (n % burst !== burst - 1) continue
    await taken
    await nextTurn()
  }
}
