import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Window, WindowBudget } from '../../src/kernel/stream/window.ts'

const roomy = { windowRecords: 1_000, windowBytes: 1_000_000 }

/** Adds the next numbers, each of a text of `size`. */
function fill(window: Window, count: number, size = 1): void {
  for (let i = 0; i < count; i++) window.push([window.head + 1], ['x'.repeat(size)])
}

function contents(window: Window): unknown[] {
  return Array.from({ length: window.head - window.base }, (_, i) => window.at(window.base + 1 + i))
}

describe('a window', () => {
  it('holds what was pushed, by number', () => {
    const window = new Window(10, roomy, new WindowBudget(1_000))
    window.push(['a', 'b', 'c'], ['1', '22', '333'])
    expect([window.base, window.head, window.bytes]).toEqual([10, 13, 6])
    expect([window.at(11), window.at(13)]).toEqual(['a', 'c'])
    expect(window.after(11)).toEqual(['b', 'c'])
  })

  it('drops the oldest beyond its number of records', () => {
    const window = new Window(0, { ...roomy, windowRecords: 80 }, new WindowBudget(1_000))
    fill(window, 1_000)
    expect(window.head).toBe(1_000)
    expect(window.head - window.base).toBeLessThanOrEqual(80)
    expect(window.head - window.base).toBeGreaterThanOrEqual(70)
    expect(contents(window).at(-1)).toBe(1_000)
  })

  it('drops the oldest beyond its bytes, also a record that is larger than all of it', () => {
    const window = new Window(0, { ...roomy, windowBytes: 100 }, new WindowBudget(10_000))
    fill(window, 50, 10)
    expect(window.bytes).toBeLessThanOrEqual(100)
    fill(window, 1, 500)
    expect([window.base, window.head, window.bytes]).toEqual([51, 51, 0])
    fill(window, 1, 10)
    expect(contents(window)).toEqual([52])
  })

  it('shows holes where numbers were left out, and keeps what is before them', () => {
    const moves = fc.array(fc.oneof(fc.record({ push: fc.nat(9) }), fc.record({ skip: fc.integer({ min: 1, max: 5 }) })), { maxLength: 30 })
    fc.assert(
      fc.property(moves, fc.integer({ min: 1, max: 40 }), (plan, windowRecords) => {
        const window = new Window(0, { ...roomy, windowRecords }, new WindowBudget(1_000_000))
        const pushed: number[] = []
        for (const move of plan) {
          if ('skip' in move) window.skip(window.head + move.skip)
          else {
            pushed.push(...Array.from({ length: move.push }, (_, i) => window.head + 1 + i))
            fill(window, move.push)
          }
          const seen: number[] = []
          for (let at = window.base; at < window.head; ) {
            const entries = window.after(at) as number[]
            const next = pushed.find(number => number > at) ?? window.head + 1
            if (next > at + 1) expect([entries, window.behindHole(at)]).toEqual([[], next - 1])
            seen.push(...entries)
            at = entries.at(-1) ?? next - 1
          }
          expect(seen).toEqual(pushed.filter(number => number > window.base))
          expect(seen.length).toBeLessThanOrEqual(windowRecords)
          expect(window.bytes).toBe(seen.length)
          if (pushed.length <= windowRecords / 2) expect(seen).toEqual(pushed)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('is empty after it was cleared, and goes on behind its head', () => {
    const budget = new WindowBudget(1_000)
    const window = new Window(0, roomy, budget)
    fill(window, 5)
    window.clear()
    expect([window.base, window.head, window.bytes, budget.used]).toEqual([5, 5, 0, 0])
    fill(window, 2)
    expect(contents(window)).toEqual([6, 7])
  })

  it('shows the same numbers as a list that is cut, whatever is pushed', () => {
    const pushes = fc.array(fc.array(fc.nat(30), { maxLength: 40 }), { maxLength: 60 })
    fc.assert(
      fc.property(pushes, fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 300 }), (plan, windowRecords, windowBytes) => {
        const budget = new WindowBudget(1_000_000)
        const window = new Window(0, { windowRecords, windowBytes }, budget)
        const sizes: number[] = []
        for (const push of plan) {
          window.push(
            push.map((_, i) => sizes.length + i + 1),
            push.map(size => 'x'.repeat(size)),
          )
          sizes.push(...push)
          expect(window.head).toBe(sizes.length)
          expect(window.head - window.base).toBeLessThanOrEqual(windowRecords)
          expect(window.bytes).toBe(sizes.slice(window.base).reduce((sum, size) => sum + size, 0))
          expect(window.bytes).toBeLessThanOrEqual(windowBytes)
          expect(budget.used).toBe(window.bytes)
          expect(contents(window)).toEqual(Array.from({ length: window.head - window.base }, (_, i) => window.base + 1 + i))
          for (let after = window.base; after < window.head; after++) expect(window.after(after)[0]).toBe(after + 1)
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('the budget of all windows', () => {
  it('lets those written to longest ago give way', () => {
    const budget = new WindowBudget(100)
    const [old, middle, young] = [new Window(0, roomy, budget), new Window(0, roomy, budget), new Window(0, roomy, budget)]
    fill(old, 4, 10)
    fill(middle, 4, 10)
    fill(old, 1, 10)
    fill(young, 2, 10)
    expect(middle.bytes).toBe(0)
    expect([old.bytes, young.bytes]).toEqual([50, 20])
    expect(budget.used).toBe(70)
  })

  it('is never above its limit for long, also with one window that is larger', () => {
    const budget = new WindowBudget(100)
    const window = new Window(0, roomy, budget)
    fill(window, 1, 500)
    expect([budget.used, window.bytes, window.head]).toEqual([0, 0, 1])
  })

  it('gets back what a disposed window held', () => {
    const budget = new WindowBudget(100)
    const window = new Window(0, roomy, budget)
    fill(window, 5, 10)
    window.dispose()
    expect(budget.used).toBe(0)
  })
})
