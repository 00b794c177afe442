import { describe, expect, it } from 'vitest'
import type { ProducerContext } from '../../src/runs/producer.ts'
import { aborted, chunks, codeOf, collect, emits, errorOf, latch, patient, processes } from './support.ts'

const house = processes()

class Point {
  x = 1
}
const cycle: Record<string, unknown> = {}
cycle.self = cycle

const refused: [string, unknown][] = [
  ['undefined', undefined],
  ['a function', () => undefined],
  ['a symbol', Symbol('s')],
  ['a bigint', 1n],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['a date', new Date(0)],
  ['a map', new Map()],
  ['an error', new Error('e')],
  ['an instance of a class', new Point()],
  ['an array buffer', new ArrayBuffer(1)],
  ['an array of shorts', new Uint16Array(1)],
  ['a cycle', cycle],
  ['an array with a hole', new Array(2)],
  ['something of these, deep inside', { a: [{ b: new Set() }] }],
  ['an object that says how it is encoded', { toJSON: () => 1 }],
]

describe('what is no chunk', () => {
  it.each(refused)('%s is refused by emit, as a result and as an input', async (_name, value) => {
    const { runs } = await house.open()
    const given = latch<ProducerContext>()
    const run = runs.start('chat', context => {
      given.open(context)
      return aborted(context.signal)
    })
    const { emit } = await given.opened
    expect(() => void emit(value)).toThrow(codeOf('NOT_SERIALIZABLE'))
    await run.stop()
    expect(chunks(await collect(run.subscribe()))).toEqual([])
    if (value === undefined) return
    runs.define('input', patient)
    expect(() => runs.start('chat', { type: 'input', input: value })).toThrow(codeOf('NOT_SERIALIZABLE'))
    const returned = runs.start('chat', () => ({ returned: value }))
    expect(await returned.ended).toMatchObject({ status: 'error', error: { code: 'NOT_SERIALIZABLE' } })
  })

  it('a result that is too large is refused like a chunk', async () => {
    const { runs } = await house.open({ limits: { chunkBytes: 100 } })
    expect(await runs.start('chat', () => 'x'.repeat(101)).ended).toMatchObject({ status: 'error', error: { code: 'CHUNK_TOO_LARGE' } })
    expect(await runs.start('chat', () => 'x'.repeat(50)).ended).toMatchObject({ status: 'done' })
  })
})

describe('what is a chunk', () => {
  it('arrives as it was, live and from the store', async () => {
    const values = [
      '',
      'text',
      'line\nbreak \u0000 \u2028 "quoted" \\',
      '\ud800 a lone surrogate',
      0,
      -1.5,
      1e300,
      true,
      false,
      null,
      [],
      {},
      [[[]]],
      { a: { b: [1, 'two', null] } },
      JSON.parse('{"__proto__":{"polluted":1},"constructor":2,"prototype":3}'),
      { s: 'looks like a step' },
      { b: 'looks like bytes' },
    ]
    const { runs } = await house.open({ limits: { windowRecords: 2 } })
    const run = runs.start('chat', emits(...values))
    const live = chunks(await collect(run.subscribe()))
    expect(live).toEqual(values)
    expect(chunks(await collect(run.subscribe()))).toEqual(values)
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
    expect(Object.keys(live[14] as object)).toEqual(['__proto__', 'constructor', 'prototype'])
  })

  it('leaves out members that are undefined, as JSON does', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', emits({ a: 1, b: undefined }))
    expect(chunks(await collect(run.subscribe()))).toEqual([{ a: 1 }])
  })

  it.each([
    ['a Uint8Array', Uint8Array.of(0, 1, 255)],
    ['a Buffer', Buffer.from([0, 1, 255])],
    ['a part of a larger buffer', new Uint8Array(Uint8Array.of(9, 0, 1, 255, 9).buffer, 1, 3)],
  ])('may be bytes: %s arrives as a Uint8Array, live and from the store', async (_name, bytes) => {
    const { runs } = await house.open({ limits: { windowRecords: 1 } })
    const run = runs.start('chat', emits(bytes, 'next'))
    for (const events of [await collect(run.subscribe()), await collect(run.subscribe())]) {
      const [data] = chunks(events)
      expect(Object.getPrototypeOf(data)).toBe(Uint8Array.prototype)
      expect([...(data as Uint8Array)]).toEqual([0, 1, 255])
    }
  })
})

describe('what is delivered is isolated', () => {
  it('JSON is frozen all the way down, and one value for all', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', emits({ a: { b: [1] } }))
    await run.ended
    const [one] = chunks(await collect(run.subscribe())) as [{ a: { b: number[] } }]
    const [two] = chunks(await collect(run.subscribe()))
    expect(two).toBe(one)
    expect(Object.isFrozen(one) && Object.isFrozen(one.a) && Object.isFrozen(one.a.b)).toBe(true)
    expect(await errorOf(() => one.a.b.push(2))).toBeInstanceOf(TypeError)
  })

  it('the result is frozen all the way down', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', () => ({ a: { b: [1] } }))
    const end = await run.ended
    const result = end.result as { a: { b: number[] } }
    expect(Object.isFrozen(end) && Object.isFrozen(result) && Object.isFrozen(result.a.b)).toBe(true)
  })

  it('the producer can change what it emitted, bytes and JSON, without anybody noticing', async () => {
    const { runs } = await house.open()
    const bytes = Uint8Array.of(1, 2)
    const buffer = Buffer.from([1, 2])
    const json = { list: [1] }
    const returned = { list: [1] }
    const run = runs.start('chat', async function* () {
      for (const chunk of [bytes, buffer, json]) yield chunk
      bytes.fill(9)
      buffer.fill(9)
      json.list.push(9)
      return returned
    })
    const events = await collect(run.subscribe())
    returned.list.push(9)
    expect(chunks(events)).toEqual([Uint8Array.of(1, 2), Uint8Array.of(1, 2), { list: [1] }])
    expect(run.result).toEqual({ list: [1] })
  })

  it.each([
    ['Uint8Array', Uint8Array.of(1, 2)],
    ['Buffer', Buffer.from([1, 2])],
  ])('every subscriber has its own copy of the bytes of a %s', async (_name, emitted) => {
    const { runs } = await house.open()
    const run = runs.start('chat', emits(emitted))
    const sunk: unknown[] = []
    const sink = runs.follow('chat', batch => sunk.push(...chunks(batch.events)))
    const copies = chunks(await collect(run.subscribe())) as Uint8Array[]
    copies[0]?.fill(9)
    const batches = await collect(run.subscribe().batches())
    for (const batch of batches) for (const data of chunks(batch.events)) (data as Uint8Array).fill(8)
    expect(chunks(await collect(run.subscribe()))).toEqual([Uint8Array.of(1, 2)])
    expect(sunk).toEqual([Uint8Array.of(1, 2)])
    sink.close()
  })

  it('the caller can change the input after the start: the producer sees it as it was', async () => {
    const { runs } = await house.open()
    const seen: unknown[] = []
    runs.define('input', ({ input }) => {
      seen.push(input)
    })
    const input = { list: [1] }
    const run = runs.start('chat', { type: 'input', input })
    input.list.push(2)
    await run.ended
    expect(seen).toEqual([{ list: [1] }])
  })
})
