import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deepFreeze, encodeJson } from '../../src/kernel/json.ts'

class Point {
  x = 1
}
const cycle: Record<string, unknown> = {}
cycle.self = cycle

describe('encoding a value', () => {
  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'It is not JSON'],
    ['a function', () => 1, 'It is not JSON'],
    ['a symbol', Symbol('s'), 'It is not JSON'],
    ['a bigint', 1n, 'It is not JSON'],
    ['NaN', Number.NaN, 'It is not JSON (NaN)'],
    ['infinity', Number.NEGATIVE_INFINITY, 'It is not JSON (-Infinity)'],
    ['a Date', { at: new Date(0) }, 'It.at is not JSON (an instance of Date)'],
    ['a Map', [[new Map()]], 'It[0][0] is not JSON (an instance of Map)'],
    ['an instance', { a: { b: new Point() } }, 'It.a.b is not JSON (an instance of Point)'],
    ['bytes within', { data: new Uint8Array(1) }, 'It.data is not JSON (an instance of Uint8Array)'],
    ['undefined in a list', [1, undefined], 'It[1] is not JSON'],
    ['a hole', new Array(2).fill(1, 0, 1), 'It[1] is not JSON'],
    ['its own way of becoming JSON', { a: { toJSON: () => 1 } }, 'It.a is not JSON (an object with toJSON)'],
    ['a cycle', cycle, 'nested deeper than 64, or in a cycle'],
    ['an error', { error: new Error('x') }, 'It.error is not JSON (an instance of Error)'],
  ])('refuses what JSON would change in silence, and says where it is: %s', (_name, value, message) => {
    expect(() => encodeJson(value, 'It')).toThrow(
      expect.objectContaining({ code: 'NOT_SERIALIZABLE', message: expect.stringContaining(message) }),
    )
  })

  it('takes what JSON takes, and gives it back the same', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        expect(JSON.parse(encodeJson(value, 'It'))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('leaves out members that are undefined, and takes objects without a prototype', () => {
    expect(encodeJson({ a: undefined, b: 1 }, 'It')).toBe('{"b":1}')
    expect(encodeJson(Object.assign(Object.create(null), { a: [null, 'x', true] }), 'It')).toBe('{"a":[null,"x",true]}')
  })

  it('freezes all the way down', () => {
    const value = deepFreeze({ a: [{ b: 1 }] })
    expect(Object.isFrozen(value.a[0])).toBe(true)
    expect(() => value.a.push({ b: 2 })).toThrow(TypeError)
  })
})
