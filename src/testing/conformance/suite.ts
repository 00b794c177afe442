import { ruleFor } from './case.ts'
import { closingRules } from './closing.ts'
import { combinedQueryRules } from './combined-queries.ts'
import { commitRules } from './commits.ts'
import { dataRules } from './data.ts'
import { documentRules } from './documents.ts'
import { eventlessRules } from './eventless.ts'
import { forgettingRules } from './forgetting.ts'
import { idRules } from './ids.ts'
import { isolationRules } from './isolation.ts'
import { keyRules } from './keys.ts'
import { openingRules } from './opening.ts'
import { ownershipRules } from './ownership.ts'
import { pagingRules } from './paging.ts'
import { queryRules } from './queries.ts'
import { readOnlyRules } from './read-only.ts'
import { readingRules } from './reading.ts'
import { repetitionRules } from './repetition.ts'
import { sessionRules } from './sessions.ts'
import { sharingRules } from './sharing.ts'
import type { ConformanceSubject, Runner } from './subject.ts'
import { watchingRules } from './watching.ts'

/**
 * What every persistence adapter must do, as cases of your test runner: `adapterConformance({ describe, it }, subject)`.
 * A subject's capabilities decide which cases there are; none is skipped.
 */
export function adapterConformance(runner: Runner, subject: ConformanceSubject): void {
  const { describe } = runner
  const { shared = false, crashes = false, readOnly = false, ownTime = false } = subject
  const rule = ruleFor(runner, subject)
  describe(`the ${subject.name} adapter`, () => {
    describe('commits', () => commitRules(rule))
    describe('repeated commits', () => repetitionRules(rule, { crashes }))
    describe('state, view and index', () => documentRules(rule))
    describe('streams without events', () => eventlessRules(rule))
    describe('what is handed in and out', () => isolationRules(rule))
    describe('keys', () => keyRules(rule))
    describe('ownership', () => ownershipRules(rule))
    describe('sessions', () => sessionRules(rule, { shared, ownTime }))
    describe('reading', () => readingRules(rule))
    describe('forgetting', () => forgettingRules(rule))
    describe('queries', () => queryRules(rule))
    describe('queries of several conditions', () => combinedQueryRules(rule))
    describe('paging', () => pagingRules(rule))
    describe('watching', () => watchingRules(rule))
    describe('ids', () => idRules(rule))
    describe('data', () => dataRules(rule))
    describe('closing', () => closingRules(rule))
    describe('opening again', () => openingRules(rule, { crashes }))
    if (readOnly) describe('reading beside a writer', () => readOnlyRules(rule))
    if (shared) describe('several writers', () => sharingRules(rule))
  })
}
