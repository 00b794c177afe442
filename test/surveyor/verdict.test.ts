import { describe, expect, it } from 'vitest'
import { judge } from '../../examples/surveyor/verdict.ts'
import type { RunEvent } from '../../src/index.ts'

const undisturbed: RunEvent[] = [
  { seq: 1, type: 'state', state: 'running' },
  { seq: 2, type: 'chunk', data: { n: 1 } },
  { seq: 3, type: 'chunk', data: { n: 2 } },
  { seq: 4, type: 'end', status: 'done', result: { sum: 3 } },
]
const disturbed: RunEvent[] = [
  { seq: 1, type: 'state', state: 'running' },
  { seq: 2, type: 'chunk', data: { n: 1 } },
  { seq: 3, type: 'state', state: 'running', attempt: 2 },
  { seq: 4, type: 'chunk', data: { n: 2 } },
  { seq: 5, type: 'end', status: 'done', result: { sum: 3 } },
]
/** Which of numbers, findings and report hold. */
const holds = (events: RunEvent[]) => judge(events, events, undisturbed).flatMap(({ holds }, i) => (i === 1 ? [] : [holds]))
const renumbered = (events: RunEvent[]) => events.map((event, i) => ({ ...event, seq: i + 1 })) as RunEvent[]

describe('the verdict', () => {
  it('is good when nothing was lost and nothing came twice', () => {
    expect(holds(disturbed)).toEqual([true, true, true])
  })

  it.each<[string, RunEvent[], boolean[]]>([
    ['an event is missing', disturbed.toSpliced(3, 1), [false, false, true]],
    ['an event came twice', disturbed.toSpliced(3, 0, disturbed[3] as RunEvent), [false, false, true]],
    [
      'events are in the wrong order',
      [disturbed[0], disturbed[1], disturbed[3], disturbed[2], disturbed[4]] as RunEvent[],
      [false, true, true],
    ],
    ['there is a gap', disturbed.with(2, { type: 'gap', from: 3, to: 3 }), [false, true, true]],
    ['a finding was made twice', renumbered(disturbed.toSpliced(3, 0, disturbed[3] as RunEvent)), [true, false, true]],
    ['a finding was never made', renumbered(disturbed.toSpliced(3, 1)), [true, false, true]],
    ['a finding is another one', disturbed.with(3, { seq: 4, type: 'chunk', data: { n: 3 } }), [true, false, true]],
    ['the report is another one', disturbed.with(4, { seq: 5, type: 'end', status: 'done', result: { sum: 4 } }), [true, true, false]],
    ['the survey was not done', disturbed.with(4, { seq: 5, type: 'end', status: 'stopped', reason: 'orphaned' }), [true, true, false]],
  ])('is bad when %s', (_case, events, expected) => {
    expect(holds(events)).toEqual(expected)
    expect(judge(events, events, undisturbed).filter(check => check.detail !== undefined)).toHaveLength(
      expected.filter(good => !good).length,
    )
  })

  it.each<[string, RunEvent[]]>([
    ['misses an event', disturbed.toSpliced(2, 1)],
    ['has one twice', disturbed.toSpliced(2, 0, disturbed[2] as RunEvent)],
    ['has another one', disturbed.with(1, { seq: 2, type: 'chunk', data: { n: 9 } })],
    ['is not at the end', disturbed.slice(0, -1)],
    ['has nothing', []],
  ])('is bad when the client that was cut off %s', (_case, cutOff) => {
    expect(judge(disturbed, cutOff, undisturbed).map(check => check.holds)).toEqual([true, false, true, true])
  })

  it('counts what a survey tells of itself as no finding', () => {
    const announced = renumbered(disturbed.toSpliced(1, 0, { seq: 2, type: 'chunk', data: { surveys: '' } }))
    expect(holds(announced)).toEqual([true, true, true])
  })

  it('is bad when both surveys failed', () => {
    const failed: RunEvent[] = [{ seq: 1, type: 'end', status: 'error', error: { code: 'PRODUCER_FAILED', message: 'It failed.' } }]
    expect(judge(failed, failed, failed).map(check => check.holds)).toEqual([true, true, true, false])
  })
})
