import type { Change, Commit, Session } from '../../kernel/port.ts'
import { type Case, withCase } from './case.ts'
import type { FastCheck } from './fast-check.ts'
import { type Operation, type RandomChange, randomOperationsOf, type Writer } from './operations.ts'
import { type ReferenceStore, referenceStore } from './reference.ts'
import { sameAnswer, sameAsReference } from './same-as-reference.ts'
import type { ConformanceSubject } from './subject.ts'

export interface RandomOperationsOptions {
  /** How many random sequences; default 100. */
  runs?: number
  /** The seed that a failed run has printed; default a new one. */
  seed?: number
}

/**
 * Does random sequences of operations to an adapter and to a plain reference, and compares every answer and all that is
 * visible. Takes fast-check as its first argument; a failure prints the shortest sequence and the seed.
 */
export async function randomOperations(fc: FastCheck, subject: ConformanceSubject, { runs = 100, seed }: RandomOperationsOptions = {}) {
  const { crashes = false, shared = false } = subject
  const property = fc.asyncProperty(randomOperationsOf(fc, { crashes }), async operations => {
    const store = await subject.create()
    try {
      await withCase(subject, store, async at => {
        const reference = referenceStore({ now: at.environment.clock.now, sessionsOutliveOpen: shared })
        const actor = actorOn(at, reference)
        for (const operation of operations) {
          await actor(operation)
          await sameAsReference(at, reference)
        }
        await at.reopen()
        reference.reopen()
        await sameAsReference(at, reference)
      })
    } finally {
      await store.dispose()
    }
  })
  await fc.assert(property, seed === undefined ? { numRuns: runs } : { numRuns: runs, seed })
}

function actorOn(at: Case, reference: ReferenceStore) {
  const history: Commit[] = []
  // Newest first. Those of a handle that is gone still own streams, but nobody is there to renew them.
  let sessions: { id: string; session: Session | undefined }[] = []

  function sessionOf(by: Writer, changes: readonly RandomChange[]): string | undefined {
    if (by === 'nobody') return undefined
    if (by !== 'owner') return sessions[by]?.id
    return changes.map(({ stream }) => reference.load(stream)?.session).find(session => session !== undefined) ?? sessions[0]?.id
  }

  function commitOf(changes: readonly RandomChange[], by: Writer): Commit {
    const commit = { id: at.environment.ids(), session: sessionOf(by, changes), changes: completed(changes, reference, at) }
    history.unshift(commit)
    return commit
  }

  /** Commits of one stream each, without keys: in whatever order they are written, the outcome is the same. */
  function independentCommits(changes: readonly RandomChange[], by: Writer): Commit[] {
    return distinct(changes).map(change => commitOf([{ ...change, claim: [], release: [], absent: [] }], by))
  }

  async function opened(): Promise<void> {
    reference.reopen()
    sessions = sessions.map(({ id }) => ({ id, session: undefined }))
  }

  return async (operation: Operation): Promise<void> => {
    switch (operation.do) {
      case 'commit': {
        const commit = commitOf(distinct(operation.changes), operation.by)
        return sameAnswer(at.adapter.commit(commit), () => reference.commit(commit))
      }
      case 'commit together': {
        const commits = independentCommits(operation.changes, operation.by)
        const answers = commits.map(commit => [commit, at.adapter.commit(commit)] as const)
        await Promise.all(answers.map(([commit, answer]) => sameAnswer(answer, () => reference.commit(commit))))
        return
      }
      case 'repeat': {
        const commit = history[operation.back - 1]
        if (commit) await sameAnswer(at.adapter.commit(commit), () => reference.commit(commit))
        return
      }
      case 'forget': {
        const { stream, through, expect } = operation
        const version = reference.load(stream)?.version
        // What 0 means to forget, and a version of an unknown stream, is left open.
        const expected = expect && version ? { stored: version, wrong: version + 1 }[expect] : undefined
        const options = { through, expect: expected }
        return sameAnswer(at.adapter.forget(stream, options), () => reference.forget(stream, options))
      }
      case 'open session': {
        const session = await at.adapter.session('node', operation.ttl)
        reference.session(session.id, operation.ttl)
        sessions.unshift({ id: session.id, session })
        return
      }
      case 'renew session': {
        const { id, session } = sessions[operation.session] ?? {}
        if (id && session) await sameAnswer(session.renew(), () => reference.renew(id))
        return
      }
      case 'end session': {
        const { id, session } = sessions[operation.session] ?? {}
        if (id && session) await sameAnswer(session.end(), () => reference.end(id))
        return
      }
      case 'pass':
        return at.pass(operation.milliseconds)
      case 'reopen':
        await at.reopen()
        return opened()
      case 'crash': {
        // What was in flight may be there or not: repeated under its id, it is there once. A dead session could not repeat an acquisition.
        const changes = operation.changes.filter(change => change.own !== 'acquire')
        const commits = independentCommits(changes, operation.by)
        for (const commit of commits) at.adapter.commit(commit).catch(() => undefined)
        await at.crash()
        await opened()
        for (const commit of commits) await sameAnswer(at.adapter.commit(commit), () => reference.commit(commit))
      }
    }
  }
}

/** The first change of each stream, each key claimed or released once: what the port leaves open is not asked. */
function distinct(changes: readonly RandomChange[]): RandomChange[] {
  const first = changes.filter((change, index) => changes.findIndex(other => other.stream === change.stream) === index)
  const once = () => {
    const moved = new Set<string>()
    return (key: string) => !moved.has(key) && moved.add(key) !== undefined
  }
  const [claimed, released] = [once(), once()]
  return first.map(change => ({
    ...change,
    claim: change.claim?.filter(({ key }) => claimed(key)),
    release: change.release?.filter(released),
  }))
}

function completed(changes: readonly RandomChange[], reference: ReferenceStore, at: Case): Change[] {
  return changes.map(({ kind, expect, own, index, ...change }) => {
    const stored = reference.load(change.stream)
    const version = stored?.version ?? 0
    const expected = { any: 'any' as const, stored: version, none: 0, wrong: version + 1 }[expect]
    // A store with its own time can not be asked what time it took.
    const times = at.subject.ownTime ? { created: 5, changed: 5 } : {}
    const known = stored?.kind ?? 'run'
    return { ...change, kind: kind === 'other' && stored ? `not ${known}` : known, expect: expected, own, index: { ...times, ...index } }
  })
}
