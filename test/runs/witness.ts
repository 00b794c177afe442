import type fc from 'fast-check'
import { expect } from 'vitest'
import type { Lifechart } from '../../src/lifechart.ts'
import type { RunEnd, RunEvent } from '../../src/runs/events.ts'
import type { Run } from '../../src/runs/live-run.ts'
import { chunks, numbers, Reader, upTo } from './support.ts'

/** A producer at work for the run of this number. */
export interface Execution {
  number: number
  place: Lifechart
}

/** A run that was started somewhere. */
export interface Started {
  run: Run
  place: Lifechart
  /** What became of its promises: whether the start was committed, refused or neither, and the end. */
  start: 'pending' | 'committed' | 'refused'
  end: RunEnd | undefined
}

/** What the world saw of one schedule. */
export class Witness {
  /** By their numbers, from 1. */
  readonly runs: Started[] = []
  readonly readers: { after: number; events: RunEvent[]; error: unknown; over: boolean; left: boolean }[] = []
  readonly atWork = new Set<Execution>()
  /** Who began while another was at work, and where that one's run was then. */
  readonly overlaps: { name: string; other: Run; status: string }[] = []
  /** What nobody has been answered yet. */
  readonly waiting = new Map<Promise<unknown>, { for: string; at: Lifechart }>()
  /** Runtimes that died: whoever waited for them died with them. */
  readonly dead = new Set<Lifechart>()
  /** What happened, for whoever has to find out why it failed. */
  readonly trace: string[] = []

  started(run: Run, place: Lifechart): void {
    const started: Started = { run, place, start: 'pending', end: undefined }
    const number = this.runs.push(started)
    const settled = run.started.then(
      () => {
        started.start = 'committed'
      },
      () => {
        started.start = 'refused'
      },
    )
    this.waits(settled, `the start of run ${number}`, place)
    void run.ended.then(end => {
      started.end = end
    })
  }

  /** Somebody waits for an answer of this runtime, whatever it is. */
  waits(answer: Promise<unknown>, what: string, at: Lifechart): void {
    const settled = answer
      .catch(() => undefined)
      .then(() => {
        this.waiting.delete(settled)
      })
    this.waiting.set(settled, { for: what, at })
  }

  begins(execution: Execution): void {
    const name = `run ${execution.number}`
    // Only one that was given up may still be at it: its end says that it was forced, unless its owner was gone.
    for (const { number } of this.atWork) {
      const { run } = this.runs[number - 1] as Started
      this.overlaps.push({ name, other: run, status: run.status })
    }
    this.atWork.add(execution)
    this.trace.push(`${name} begins`)
  }

  aborted(execution: Execution): void {
    this.trace.push(`run ${execution.number} is aborted`)
    // One that lost its owner or its store, or was handed over, has no grace: what it still writes is refused.
    const started = this.runs[execution.number - 1]
    if (started?.run.status !== 'stopping' || started.place.kernel.closed) this.atWork.delete(execution)
  }

  through(execution: Execution): void {
    this.atWork.delete(execution)
    this.trace.push(`run ${execution.number} is through`)
  }

  died(lifechart: Lifechart): void {
    this.dead.add(lifechart)
    for (const execution of this.atWork) if (execution.place === lifechart) this.atWork.delete(execution)
  }
}

/** What must hold when everything has settled; asked of a runtime that was there from the start. */
export async function judge(witness: Witness, lifechart: Lifechart, scheduler: fc.Scheduler): Promise<void> {
  const told = (text: string) => [text, ...witness.trace].join('\n')
  const turn = () => new Promise<void>(resolve => setImmediate(resolve))
  const settle = async <T>(promise: Promise<T>) => {
    void promise.catch(() => undefined)
    for (let i = 0; i < 8; i++) {
      await turn()
      while (scheduler.count() > 0) await scheduler.waitOne()
    }
    return promise
  }
  const hanging = [...witness.waiting.values()].filter(({ at }) => !witness.dead.has(at))
  expect(
    hanging.map(wait => wait.for),
    told('nobody hangs'),
  ).toEqual([])
  for (const { name, other, status } of witness.overlaps) {
    const { events } = await settle(lifechart.kernel.adapter.read(`run/${other.runId}`, { after: 0, limit: 100 }))
    if (events.some(text => text.includes('"owner.lost"'))) continue
    const end = status === 'stopped' ? await settle(other.ended) : undefined
    expect(end, told(`${name} begins beside ${other.runId}, ${status}`)).toMatchObject({ forced: true })
  }
  const stored: RunEvent[][] = []
  for (const [i, { run, start, end }] of witness.runs.entries()) {
    const name = `run ${i + 1}`
    const info = await settle(lifechart.runs.get('id', { runId: run.runId }))
    if (!info) {
      expect(start, told(`${name} is gone`)).not.toBe('committed')
      continue
    }
    expect(['done', 'error', 'stopped'], told(`${name} has ended`)).toContain(info.status)
    const events = new Reader(lifechart.runs.subscribe('id', { runId: run.runId }))
    await settle(events.done)
    expect(events.error, told(name)).toBeUndefined()
    expect(numbers(events.events), told(name)).toEqual(upTo(info.head))
    expect(
      events.events.filter(event => event.type === 'end'),
      told(name),
    ).toEqual([events.events.at(-1)])
    if (end && end.seq > 0) expect(end, told(`${name} ended once`)).toEqual(events.events.at(-1))
    // One that was resumed goes on where the owner before it was.
    const made = chunks(events.events)
    expect(made, told(name)).toEqual(upTo(made.length).map(chunk => `${name} ${chunk}`))
    stored.push(events.events)
  }
  for (const { after, events, error, over, left } of witness.readers) {
    expect(over, told('every subscription is over')).toBe(true)
    if (events.length === 0) continue
    const whole = stored.find(all => same(events, all.slice(after, after + events.length)))
    expect(whole, told(`a subscriber saw ${JSON.stringify(events)}`)).toBeDefined()
    if (error === undefined && !left)
      expect(after + events.length, told('a subscription that is over has seen the end')).toBe(whole?.length)
  }
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
