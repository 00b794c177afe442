import { runMachine } from 'lifechart/machines'
import { describe, expect, it } from 'vitest'
import { fold, mostRows, pathOf, type Shown, type Status, unseen } from '../../examples/surveyor/page/fold.ts'
import type { Finding } from '../../examples/surveyor/surveyor.ts'
import type { RunEvent } from '../../src/index.ts'
import { survey, temporary, variedTree } from './tree.ts'

const { tree } = temporary()

/** The events of a survey that was resumed once. */
async function events(): Promise<RunEvent[]> {
  const { findings, report } = await survey(tree(variedTree))
  const told = [
    { type: 'state', state: 'waiting' },
    { type: 'state', state: 'running' },
    { type: 'chunk', data: { surveys: 'sub' } },
    ...findings.slice(0, 5).map(data => ({ type: 'chunk', data })),
    { type: 'state', state: 'running', attempt: 2 },
    ...findings.slice(5).map(data => ({ type: 'chunk', data })),
    { type: 'end', status: 'done', result: report },
  ]
  return told.map((event, i) => ({ seq: i + 1, ...event }) as RunEvent)
}

describe('what the page shows of a survey', () => {
  it('is what the survey found', async () => {
    const all = await events()
    const { findings, report } = await survey(tree(variedTree))
    const shown = all.reduce(fold, unseen('a-run'))
    const { files, lines, bytes } = report!
    expect(shown).toMatchObject({ runId: 'a-run', seq: all.length, status: 'done', attempt: 2, surveys: 'sub', files, lines, bytes })
    expect(shown.findings).toBe(findings.length)
  })

  it('is the same when the page was loaded again behind any event', async () => {
    const all = await events()
    const whole = all.reduce(fold, unseen('a-run'))
    for (let seen = 0; seen <= all.length; seen++) {
      const kept = JSON.parse(JSON.stringify(all.slice(0, seen).reduce(fold, unseen('a-run')))) as Shown
      expect(all.slice(kept.seq).reduce(fold, kept), `behind ${seen}`).toEqual(whole)
    }
  })

  it('lists what happened, newest first, what could not be read and what is gone', () => {
    const finding: Partial<Finding> = {
      directory: '',
      files: 1,
      lines: 3,
      problems: [{ path: 'x', why: 'EACCES' }],
      longest: { path: 'a/b.ts', lines: 3 },
      totals: { files: 1, lines: 3, bytes: 9, kinds: [] } as unknown as Finding['totals'],
    }
    const told: RunEvent[] = [
      { seq: 1, type: 'state', state: 'running' },
      { type: 'gap', from: 2, to: 6 },
      { seq: 7, type: 'chunk', data: finding },
      { seq: 8, type: 'chunk', data: { ...finding, files: 0, problems: [] } },
      { seq: 9, type: 'chunk', data: { ...finding, directory: 'b', lines: 1, longest: undefined, problems: [] } },
      { seq: 10, type: 'end', status: 'error', error: { code: 'PRODUCER_FAILED', message: 'It failed.' } },
    ]
    const { rows, findings } = told.reduce(fold, unseen('a-run'))
    expect(rows.map(({ seq, what, note }) => [seq, what, note])).toEqual([
      [10, 'error', 'PRODUCER_FAILED'],
      [9, 'b', '1 file, 1 line'],
      [7, 'x', 'not read: EACCES'],
      [7, '.', '1 file, 3 lines · b.ts 3'],
      [6, 'events 2 to 6', 'no longer kept'],
      [1, 'running', ''],
    ])
    expect(findings).toBe(3)
  })

  it('has no more rows than can be read', () => {
    const many = Array.from({ length: 3 * mostRows }, (_, i): RunEvent => ({ seq: i + 1, type: 'state', state: 'running' }))
    const { rows } = many.reduce(fold, unseen('a-run'))
    expect(rows).toHaveLength(mostRows)
    expect(rows[0]?.seq).toBe(3 * mostRows)
  })

  it('has its place in the chart in every state', () => {
    const all: Status[] = ['waiting', 'running', 'stopping', 'done', 'error', 'stopped']
    for (const status of all) expect(runMachine.getStateNodeById(`run.${pathOf(status)}`).meta).toEqual({ status })
  })
})
