import { isDeepStrictEqual } from 'node:util'
import type { RunChunk, RunEvent } from 'lifechart'
import { toldOf } from './agent.ts'
import type { Conversed } from './converse.ts'
import { markdownOf } from './markdown.ts'
import type { Finding, Report } from './surveyor.ts'

/** One thing that must hold, and what was found. */
export interface Check {
  holds: boolean
  text: string
  /** What differs. */
  detail?: string
}

/** Compares a survey whose server was killed with one that nobody disturbed, and what a client that was cut off has with what the other one has. */
export function judge(disturbed: readonly RunEvent[], cutOff: readonly RunEvent[], undisturbed: readonly RunEvent[]): Check[] {
  return [numbers(disturbed), clients(disturbed, cutOff), chunks(disturbed, undisturbed), reports(disturbed, undisturbed)]
}

/** Looks at what a client of the agent was told, and compares the findings and the report with those of the survey that nobody disturbed. */
export function judgeConversation({ question, survey, stored, cancelled, outside }: Conversed, undisturbed: readonly RunEvent[]): Check[] {
  const report = resultOf(undisturbed) as Report | undefined
  const expected = findings(undisturbed).map(finding => toldOf(finding as Finding))
  const is = (text: string, found: unknown, wanted: unknown): Check => {
    const holds = isDeepStrictEqual(asJson(found), asJson(wanted))
    return holds ? { holds, text } : { holds, text, detail: `it is ${shown(found)}, and not ${shown(wanted)}` }
  }
  return [
    is('a message that names no directory: the agent asks', question.status, 'input-required'),
    is('the answer: the same task is completed', [survey.taskId, survey.status], [question.taskId, 'completed']),
    is(`${survey.findings.length} findings of the agent: complete, and none twice`, survey.findings, expected),
    is('the task as it is stored: the same', [stored.status, stored.findings, stored.report], [survey.status, expected, survey.report]),
    is('the report of the agent: as of an undisturbed survey', survey.report, report && markdownOf('.', report)),
    is('a second task: canceled', cancelled.status, 'canceled'),
    is('a directory outside: rejected, and nothing found', [outside.status, outside.findings], ['rejected', []]),
  ]
}

/** As it comes over a wire. */
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null))

/** True for a finding; what a survey tells of itself is none. */
export function isFinding(event: RunEvent): event is RunChunk {
  return event.type === 'chunk' && !(typeof event.data === 'object' && event.data !== null && 'surveys' in event.data)
}

function numbers(events: readonly RunEvent[]): Check {
  const wrong = events.findIndex((event, i) => event.type === 'gap' || event.seq !== i + 1)
  const text = `numbers 1 to ${events.length}: dense, each once and in order`
  return wrong < 0 ? { holds: true, text } : { holds: false, text, detail: `in place of ${wrong + 1} came ${shown(events[wrong])}` }
}

function clients(events: readonly RunEvent[], cutOff: readonly RunEvent[]): Check {
  const text = 'the client that was cut off: the same events as the other one'
  for (let i = 0; i < Math.max(events.length, cutOff.length); i++) {
    if (isDeepStrictEqual(cutOff[i], events[i])) continue
    return { holds: false, text, detail: `event ${i + 1} is ${shown(cutOff[i])}, the other one has ${shown(events[i])}` }
  }
  return { holds: true, text }
}

function chunks(disturbed: readonly RunEvent[], undisturbed: readonly RunEvent[]): Check {
  const left = findings(disturbed)
  const right = findings(undisturbed)
  const text = `${left.length} findings: the same as of an undisturbed survey`
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    if (isDeepStrictEqual(left[i], right[i])) continue
    return { holds: false, text, detail: `finding ${i + 1} is ${shown(left[i])}, undisturbed it is ${shown(right[i])}` }
  }
  return { holds: true, text }
}

function reports(disturbed: readonly RunEvent[], undisturbed: readonly RunEvent[]): Check {
  const left = resultOf(disturbed)
  const right = resultOf(undisturbed)
  const holds = left !== undefined && isDeepStrictEqual(left, right)
  const text = 'the report: the same as of an undisturbed survey'
  return holds ? { holds, text } : { holds, text, detail: `it is ${shown(left)}, undisturbed it is ${shown(right)}` }
}

const findings = (events: readonly RunEvent[]) => events.flatMap(event => (isFinding(event) ? [event.data] : []))

/** What the survey ended with; undefined if it was not done. */
export function resultOf(events: readonly RunEvent[]): unknown {
  const end = events.at(-1)
  return end?.type === 'end' && end.status === 'done' ? end.result : undefined
}

const shown = (value: unknown) => (JSON.stringify(value) ?? 'missing').slice(0, 600)
