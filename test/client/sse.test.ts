import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventStream, type Frame } from '../../src/client/sse.ts'

/** What is read of a stream that comes in these pieces. */
function read(pieces: readonly (string | Uint8Array)[]): { frames: Frame[]; retries: number[] } {
  const retries: number[] = []
  const frames = eventStream(retry => retries.push(retry))
  const found = pieces.flatMap(piece => [...frames(typeof piece === 'string' ? new TextEncoder().encode(piece) : piece)])
  return { frames: found, retries }
}

function cut(text: string, size: number): Uint8Array[] {
  const bytes = new TextEncoder().encode(text)
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size))
}

describe('an event stream', () => {
  const plain = { id: undefined, event: '' }

  it.each<[string, string, Frame[]]>([
    ['one line of data', 'data: a\n\n', [{ ...plain, data: 'a' }]],
    ['several lines of data', 'data: a\ndata:b\ndata\n\n', [{ ...plain, data: 'a\nb\n' }]],
    ['one space behind the colon, and no more of them', 'data:  a\n\n', [{ ...plain, data: ' a' }]],
    ['data that is empty', 'event: bytes\ndata: \n\n', [{ ...plain, event: 'bytes', data: '' }]],
    ['colons within a value', 'id: a:b:1\ndata: x: y\n\n', [{ id: 'a:b:1', event: '', data: 'x: y' }]],
    ['comments and unknown fields', ':\n: hello\nfoo: bar\n data: no\ndata: a\n\n', [{ ...plain, data: 'a' }]],
    ['no event without data', 'event: chunk\nid: 1\n\ndata: a\n\n', [{ ...plain, data: 'a' }]],
    [
      'no id of an earlier frame',
      'id: 1\ndata: a\n\ndata: b\n\n',
      [
        { id: '1', event: '', data: 'a' },
        { ...plain, data: 'b' },
      ],
    ],
    ['no id with NUL', 'id: 1\0\ndata: a\n\n', [{ ...plain, data: 'a' }]],
    ['a byte order mark', '\uFEFFdata: a\n\n', [{ ...plain, data: 'a' }]],
    ['the second mark as text', '\uFEFF\uFEFFdata: b\ndata: a\n\n', [{ ...plain, data: 'a' }]],
    ['nothing of an unfinished frame', 'data: a\n\ndata: b\n', [{ ...plain, data: 'a' }]],
    [
      'every kind of line end',
      'data: a\r\rdata: b\r\n\r\ndata: c\n\r\ndata: d\r\n\n',
      ['a', 'b', 'c', 'd'].map(data => ({ ...plain, data })),
    ],
  ])('is read with %s', (_, text, frames) => {
    expect(read([text]).frames).toEqual(frames)
    expect(read(cut(text, 1)).frames).toEqual(frames)
  })

  it('has a hint of the delay, in digits only', () => {
    expect(read(['retry: 250\nretry: 1e3\nretry: -1\nretry: 1.5\nretry:\nretry: 0\n']).retries).toEqual([250, 0])
  })

  it('takes what is no UTF-8 for the replacement character', () => {
    expect(read([Uint8Array.of(0x64, 0x61, 0x74, 0x61, 0x3a, 0xff, 10, 10)]).frames).toEqual([{ ...plain, data: '\uFFFD' }])
  })

  it('may come with pieces of nothing between the two halves of a line end', () => {
    expect(read(['data: a\r', '', '\ndata: b\r', '', '\n\r', '\n']).frames).toEqual([{ ...plain, data: 'a\nb' }])
  })

  it('gives a frame out before the rest of its piece is read', () => {
    const retries: number[] = []
    const frames = eventStream(retry => retries.push(retry))(new TextEncoder().encode('data: a\n\nretry: 1\n\n'))
    expect(frames.next().value).toEqual({ ...plain, data: 'a' })
    expect(retries).toEqual([])
  })

  it('says the same, wherever it is cut and however its lines end', () => {
    const line = fc.string({ unit: 'binary', maxLength: 8 }).map(text => text.replace(/[\r\n]/g, ''))
    const made = fc.record({
      id: line.map(text => text.replaceAll('\0', '')),
      event: line,
      data: fc.array(line, { minLength: 1, maxLength: 3 }),
    })
    const ending = fc.constantFrom('\n', '\r', '\r\n')
    fc.assert(
      fc.property(
        fc.array(made, { maxLength: 5 }),
        fc.infiniteStream(ending),
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        (all, endings, sizes) => {
          // One kind for each frame: between two kinds, a carriage return and a line feed could meet and be one.
          const text = all.map(({ id, event, data }) => {
            const lines = [`id: ${id}`, `event: ${event}`, ': comment', ...data.map(line => `data: ${line}`), '']
            const ending: string = endings.next().value
            return lines.map(line => line + ending).join('')
          })
          const bytes = new TextEncoder().encode(text.join(''))
          const pieces: Uint8Array[] = []
          for (let at = 0; at < bytes.length; ) pieces.push(bytes.slice(at, (at += sizes.next().value)))
          expect(read(pieces).frames).toEqual(all.map(({ id, event, data }) => ({ id, event, data: data.join('\n') })))
        },
      ),
      { numRuns: 500 },
    )
  })

  it.each([1, 64 * 1_024])('bears a line of 1 MiB in pieces of %i bytes', size => {
    const text = 'x'.repeat(2 ** 20)
    expect(read(cut(`data: ${text}\n\n`, size)).frames).toEqual([{ ...plain, data: text }])
  })
})
