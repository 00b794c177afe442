import fc from 'fast-check'
import { expect, it } from 'vitest'
import { emptyTrail, follow, putRun, type Run, runsIn, runsOf, type Trail } from '../../src/adapters/lowdb/trail.ts'

const operations = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 4 }), beside: fc.boolean() }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('roll' as const) }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('move' as const), back: fc.integer({ min: 1, max: 3 }), whole: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), portion: fc.double({ min: 0, max: 1, noNaN: true }) }) },
  ),
  { maxLength: 40, size: 'max' },
)

it('knows the line of each event, whatever was appended, moved or forgotten', () => {
  fc.assert(
    fc.property(operations, steps => {
      const trail = emptyTrail()
      /** By number of the event: the line that holds it. */
      const lines = new Map<number, { segment: number; offset: number }>()
      /** What the index of each full segment says. */
      const sealed = new Map<number, Run[]>()
      let version = 0
      let floor = 0
      let segment = 1
      let offset = 0
      const write = (change: { events?: number[]; first?: number; floor?: number }) => {
        follow(trail, { stream: 's', version, ...change }, { segment, offset, length: 10 })
        const first = change.first ?? version - (change.events?.length ?? 0) + 1
        for (let i = 0; i < (change.events?.length ?? 0); i++) lines.set(first + i, { segment, offset })
        offset += 10
      }
      for (const step of steps) {
        if (step.do === 'roll') {
          sealed.set(segment, runsIn(trail, segment))
          segment++
          offset = 0
        } else if (step.do === 'append') {
          // Lines of other streams stand between.
          if (step.beside) offset += 10
          version += step.count
          write({ events: Array<number>(step.count).fill(1) })
        } else if (step.do === 'move' && step.back < segment) {
          const from = segment - step.back
          for (const run of runsIn(trail, from)) {
            const first = Math.max(run.first, floor + 1)
            const count = step.whole ? run.last - first + 1 : Math.ceil((run.last - first + 1) / 2)
            write({ first, events: Array<number>(count).fill(1) })
          }
          for (let number = floor + 1; step.whole && number <= version; number++) expect(lines.get(number)!.segment).not.toBe(from)
        } else if (step.do === 'forget') {
          floor = Math.max(floor, Math.floor(step.portion * version))
          write({ floor })
        }
      }
      const expectRight = (candidate: Trail) => {
        for (let number = floor + 1; number <= version; number++) {
          const [run] = runsOf(candidate, number, number)
          const line = lines.get(number)!
          expect(run!.place.segment).toBe(line.segment)
          expect(line.offset).toBeGreaterThanOrEqual(run!.place.offset)
          expect(line.offset).toBeLessThan(run!.place.offset + run!.place.length)
        }
      }
      expectRight(trail)

      // The same from the indexes of the segments, of which those that nothing lives in may be gone.
      const living = new Set([...lines].filter(([number]) => number > floor).map(([, line]) => line.segment))
      for (const deleted of [[] as number[], [...sealed.keys()].filter(number => !living.has(number))]) {
        const restored = emptyTrail()
        for (const [number, runs] of [...sealed, [segment, runsIn(trail, segment)] as const]) {
          if (deleted.includes(number)) continue
          for (const run of runs) putRun(restored, run.first, run.last - run.first + 1, run.place)
        }
        expectRight(restored)
      }
      // What is forgotten takes no room, but for the run that the floor is in.
      expect([...runsOf(trail, 0, floor)].length).toBeLessThanOrEqual(1)
    }),
    { numRuns: 2_000 },
  )
})
