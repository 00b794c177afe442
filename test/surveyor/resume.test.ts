import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Finding, surveyor } from '../../examples/surveyor/surveyor.ts'
import type { RunEvent } from '../../src/index.ts'
import { freshRuntimes } from '../support/runtimes.ts'
import { survey, temporary, variedTree } from './tree.ts'

const { tree } = temporary()
const runtimes = freshRuntimes()

describe('a survey that goes on behind an earlier finding', () => {
  it('finds the same as if it had not been interrupted, wherever that was', async () => {
    const root = tree(variedTree)
    const whole = await survey(root)
    expect(whole.findings.length).toBeGreaterThan(12)
    for (const [i, finding] of whole.findings.entries()) {
      const rest = await survey(root, JSON.parse(JSON.stringify(finding)) as Finding)
      expect(rest.findings, `behind ${finding.place}`).toEqual(whole.findings.slice(i + 1))
      expect(rest.report, `behind ${finding.place}`).toEqual(whole.report)
    }
  })

  it('leaves the finding that it was given as it was', async () => {
    const root = tree(variedTree)
    const [first] = (await survey(root)).findings
    const before = JSON.stringify(first)
    await survey(root, first)
    expect(JSON.stringify(first)).toBe(before)
  })

  it('goes on behind a place that is no longer there', async () => {
    const root = tree({ 'a/1': 'x\n', 'b/1': 'x\n', 'b/2': 'x\n', 'c/1': 'x\n' })
    const { findings } = await survey(root)
    const behindB = findings.find(({ place }) => place === 'b/2')
    rmSync(join(root, 'b'), { recursive: true })
    writeFileSync(join(root, 'c', '2'), 'x\n')
    expect((await survey(root, behindB)).report).toMatchObject({ directories: 4, files: 5 })
  })

  it('keeps no half of a finding when it is stopped in its middle', async () => {
    const stop = new AbortController()
    const stopped = surveyor({ input: { dir: tree(variedTree) }, signal: stop.signal, lastChunk: undefined })
    expect((await stopped.next()).done).toBe(false)
    stop.abort()
    expect(await stopped.next()).toEqual({ done: true, value: undefined })
  })
})

describe('a run that surveys', () => {
  it('gives the same chunks and the same report when its process dies behind any of its events', async () => {
    const root = tree(variedTree)
    const whole = await survey(root)
    const attempts = []
    for (let last = 1; last <= whole.findings.length + 1; last++) {
      const events = await surviving(`survey-${last}`, root, last)
      expect(events.map(event => event.type !== 'gap' && event.seq)).toEqual(events.map((_, i) => i + 1))
      expect(events.flatMap(event => (event.type === 'chunk' ? [event.data] : []))).toEqual(whole.findings)
      expect(events.at(-1)).toMatchObject({ type: 'end', status: 'done', result: whole.report })
      attempts.push(Math.max(...events.map(event => (event.type === 'state' ? (event.attempt ?? 1) : 1))))
    }
    // The end may have come together with the last finding.
    expect(new Set(attempts.slice(0, -1))).toEqual(new Set([2]))
  })

  /** Every event of a survey, as told by two processes: the first one dies behind the event of this number. */
  async function surviving(id: string, dir: string, last: number): Promise<RunEvent[]> {
    const first = await runtimes().open()
    first.lifechart.runs.define('survey', surveyor)
    const run = first.lifechart.runs.start(id, { type: 'survey', input: { dir } }, { orphan: 'resume' })
    const events: RunEvent[] = []
    for await (const event of run.subscribe()) {
      events.push(event)
      if (events.length === last) break
    }
    runtimes().crash(first)
    const second = await runtimes().open()
    second.lifechart.runs.define('survey', surveyor)
    const rest = second.lifechart.runs.subscribe(id, { after: last })
    // The session of the dead lapses.
    await runtimes().clock.advance(60_000)
    for await (const event of rest) events.push(event)
    return events
  }
})
