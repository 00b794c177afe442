import assert from 'node:assert/strict'
import type { Change, PersistenceAdapter } from '../../kernel/port.ts'
import { type TestEnvironment, testEnvironment } from '../environment.ts'
import { settled } from '../simulated-clock.ts'
import type { ConformanceStore, ConformanceSubject, Runner } from './subject.ts'

/** A change of which only the stream must be named: its kind is `thing`, and it appends. */
export type Draft = Partial<Change> & { stream: string }

export interface WriteOptions {
  /** The commit's id; default a new one. */
  id?: string
  session?: string
  /** Default: the adapter of the case. */
  on?: PersistenceAdapter
}

/** One case of the suite: a fresh store, opened once. What is opened through it is closed after it. */
export interface Case {
  readonly adapter: PersistenceAdapter
  readonly environment: TestEnvironment
  readonly subject: ConformanceSubject
  readonly store: ConformanceStore
  /** A further handle on the store. */
  open(options?: { readOnly?: boolean }): Promise<PersistenceAdapter>
  /** Closes the adapter of the case and opens the store again. */
  reopen(): Promise<void>
  /** Abandons the adapter of the case and opens the store again. */
  crash(): Promise<void>
  /** Commits the drafts as one and answers with the version per draft. */
  write(drafts: Draft | readonly Draft[], options?: WriteOptions): Promise<readonly number[]>
  /** All events after a number, read in as many pages as it takes. */
  events(stream: string, after?: number): Promise<readonly string[]>
  /** The store's time. */
  now(): Promise<number>
  /** Lets time pass in the store. */
  pass(milliseconds: number): Promise<void>
  /** Lets one poll interval pass; then what comes from outside of the process has two real seconds to arrive. */
  withinPollInterval(holds: () => boolean | Promise<boolean>, expected: string): Promise<void>
}

export type Rule = (sentence: string, body: (at: Case) => Promise<void>) => void

/** A rule is a case of the runner with a store of its own. */
export function ruleFor({ it }: Runner, subject: ConformanceSubject): Rule {
  return (sentence, body) =>
    it(sentence, async () => {
      const store = await subject.create()
      try {
        await withCase(subject, store, body)
      } finally {
        await store.dispose()
      }
    })
}

export async function withCase(subject: ConformanceSubject, store: ConformanceStore, body: (at: Case) => Promise<void>): Promise<void> {
  const environment = testEnvironment()
  const handles = new Set<PersistenceAdapter>()

  async function open({ readOnly = false }: { readOnly?: boolean } = {}) {
    const handle = await store.source({ readOnly }).open(environment)
    handles.add(handle)
    return handle
  }

  let adapter = await open()
  const at: Case = {
    get adapter() {
      return adapter
    },
    environment,
    subject,
    store,
    open,
    async reopen() {
      handles.delete(adapter)
      await adapter.close()
      adapter = await open()
    },
    async crash() {
      assert.ok(store.crash, 'a subject that says it crashes has stores that can')
      handles.delete(adapter)
      await store.crash(adapter)
      adapter = await open()
    },
    write(drafts, { id = environment.ids(), session, on = adapter } = {}) {
      const changes = [drafts].flat().map(draft => ({ kind: 'thing', expect: 'any' as const, ...draft }))
      return on.commit({ id, session, changes })
    },
    async events(stream, after = 0) {
      const all: string[] = []
      for (;;) {
        const { events, head } = await adapter.read(stream, { after: after + all.length, limit: 1000 })
        all.push(...events)
        if (after + all.length === head) return all
        assert.ok(events.length > 0, 'a page that is not at the head holds an event')
      }
    },
    now: async () => (store.time ? store.time.now() : environment.clock.now()),
    pass: milliseconds => (store.time ?? { pass: environment.clock.advance }).pass(milliseconds),
    async withinPollInterval(holds, expected) {
      await at.pass(subject.pollInterval ?? 250)
      const deadline = performance.now() + 2000
      while (!(await holds())) {
        assert.ok(performance.now() < deadline, `not within the poll interval: ${expected}`)
        await settled(1)
      }
    },
  }
  try {
    await body(at)
  } finally {
    for (const handle of handles) await handle.close()
  }
}

/** The streams whose owner is dead. */
export async function orphans(at: Case): Promise<readonly string[]> {
  const { items } = await at.adapter.query({ orphaned: true, limit: 100 })
  return items.map(item => item.stream)
}
