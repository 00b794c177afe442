import fc from 'fast-check'
import { expect, it } from 'vitest'
import { emptyTrail, follow, runsIn, runsOf } from '../../src/adapters/lowdb/trail.ts'

const operations = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 4 }), beside: fc.boolean(), roll: fc.boolean() }),
    fc.record({ do: fc.constant('move' as const), segment: fc.nat(5), whole: fc.boolean() }),
    fc.record({ do: fc.constant('forget' as const), portion: fc.double({ min: 0, max: 1, noNaN: true }) }),
  ),
  { maxLength: 40 },
)

it('knows the line of each event, whatever was appended, moved or forgotten', () => {
  fc.assert(
    fc.property(operations, steps => {
      const trail = emptyTrail()
      /** By number of the event: the line that holds it. */
      const lines = new Map<number, { segment: number; offset: number }>()
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
        if (step.do === 'append') {
          if (step.roll) {
            segment++
            offset = 0
          }
          // Lines of other streams stand between.
          if (step.beside) offset += 10
          version += step.count
          write({ events: Array<number>(step.count).fill(1) })
        } else if (step.do === 'move' && step.segment > 0 && step.segment < segment) {
          for (const run of runsIn(trail, step.segment, version)) {
            const first = Math.max(run.first, floor + 1)
            const count = step.whole ? run.last - first + 1 : Math.ceil((run.last - first + 1) / 2)
            write({ first, events: Array<number>(count).fill(1) })
          }
          for (let number = floor + 1; step.whole && number <= version; number++) expect(lines.get(number)!.segment).not.toBe(step.segment)
        } else if (step.do === 'forget') {
          floor = Math.max(floor, Math.floor(step.portion * version))
          write({ floor })
        }
      }
      for (let number = floor + 1; number <= version; number++) {
        const [run] = runsOf(trail, number, number)
        const line = lines.get(number)!
        expect(run!.place.segment).toBe(line.segment)
        expect(line.offset).toBeGreaterThanOrEqual(run!.place.offset)
        expect(line.offset).toBeLessThan(run!.place.offset + run!.place.length)
      }
      // What is forgotten takes no room, but for the run that the floor is in.
      expect([...runsOf(trail, 0, floor)].length).toBeLessThanOrEqual(1)
    }),
    { numRuns: 2_000 },
  )
})
