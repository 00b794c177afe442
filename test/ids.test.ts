import { describe, expect, it } from 'vitest'
import type { Clock } from '../src/kernel/environment.ts'
import { createIds } from '../src/kernel/ids.ts'

const noon = Date.UTC(2026, 0, 1, 12)

describe('ids', () => {
  it('are made of digits and small letters only, all of one length', () => {
    const ids = take(10_000, createIds(clockAt(() => noon)))
    expect(ids.filter(id => !/^[0-9a-z]{32}$/.test(id))).toEqual([])
  })

  it('are unique within one process and among many that share a clock', () => {
    const ids = Array.from({ length: 100 }, () => take(500, createIds(clockAt(() => noon)))).flat()
    expect(new Set(ids).size).toBe(50_000)
  })

  it('sort by creation within one millisecond', () => {
    expectSorted(take(10_000, createIds(clockAt(() => noon))))
  })

  it('sort by creation while the clock goes on, stands still and jumps back by an hour', () => {
    let now = noon
    const next = createIds(clockAt(() => now))
    const ids: string[] = []
    for (const step of [0, 1, 1, -3_600_000, 0, 5, 0, -1, 3_600_000, 1]) {
      now += step
      ids.push(...take(3_000, next))
    }
    expectSorted(ids)
  })

  it('sort by the clock across processes', () => {
    const ids = [0, 1, 2, 31, 32, 1_000, 86_400_000].map(later => createIds(clockAt(() => noon + later))())
    expectSorted(ids)
  })

  it('carry at least 96 random bits', () => {
    const ids = Array.from({ length: 4_000 }, () => createIds(clockAt(() => noon))())
    const digitsAt = Array.from({ length: 32 }, (_, at) => new Set(ids.map(id => id[at])).size)
    const bits = digitsAt.reduce((sum, digits) => sum + Math.log2(digits), 0)
    expect(bits).toBeGreaterThanOrEqual(96)
    expect(digitsAt.slice(0, 12)).toEqual(Array.from({ length: 12 }, () => 1))
  })

  it('take their randomness from the source that is given, a byte for each digit', () => {
    const asked: number[] = []
    const next = createIds(
      clockAt(() => noon),
      bytes => {
        asked.push(bytes)
        return Uint8Array.from({ length: bytes }, (_, at) => at)
      },
    )
    expect(next().slice(12)).toBe('0123456789abcdefghjk')
    expect(asked).toEqual([20])
  })
})

function clockAt(now: () => number): Clock {
  const noTimer = () => {
    throw new Error('Ids need no timer.')
  }
  return { now, setTimeout: noTimer, clearTimeout: noTimer }
}

function take(count: number, next: () => string): string[] {
  return Array.from({ length: count }, next)
}

function expectSorted(ids: readonly string[]): void {
  const outOfOrder = ids.filter((id, at) => at > 0 && id <= (ids[at - 1] ?? ''))
  expect(outOfOrder).toEqual([])
}
