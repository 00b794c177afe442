import { describe, expect, it } from 'vitest'
import { decode } from '../../src/adapters/lowdb/decoding.ts'

describe('a text in the log', () => {
  it.each([
    ['of one byte a letter', 'a'],
    ['of two', 'é'],
    ['of three', '語'],
    ['of four', '😀'],
  ])('is decoded as it was, however large, wherever it begins: %s', async (_name, letter) => {
    for (const letters of [0, 1, 100_000, 300_000]) {
      const text = letter.repeat(letters)
      for (const before of ['', 'x', 'xy', 'xyz']) {
        const bytes = Buffer.from(`${before}${text}behind`)
        const decoded = await decode(bytes, before.length, Buffer.byteLength(text))
        // Not toEqual: nobody wants to read the difference.
        expect(decoded === text, `${letters} letters behind ${before.length}`).toBe(true)
      }
    }
  })
})
