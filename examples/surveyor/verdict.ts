import { isDeepStrictEqual } from 'node:util'
import type { RunEvent } from 'lifechart'

/** One thing that must hold, and what was found. */
export interface Check {
  holds: boolean
  text: string
  /** What differs. */
  detail?: string
}

/** Compares a survey whose process was killed with one that nobody disturbed. */
export function judge(disturbed: readonly RunEvent[], undisturbed: readonly RunEvent[]): Check[] {
  return [numbers(disturbed), chunks(disturbed, undisturbed), reports(disturbed, undisturbed)]
}

function numbers(events: readonly RunEvent[]): Check {
  const wrong = events.findIndex((event, i) => event.type === 'gap' || event.seq !== i + 1)
  const text = `numbers 1 to ${events.length}: dense, each once and in order`
  return wrong < 0 ? { holds: true, text } : { holds: false, text, detail: `in place of ${wrong + 1} came ${shown(events[wrong])}` }
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

const findings = (events: readonly RunEvent[]) => events.flatMap(event => (event.type === 'chunk' ? [event.data] : []))

/** What the survey ended with; undefined if it was not done. */
export function resultOf(events: readonly RunEvent[]): unknown {
  const end = events.at(-1)
  return end?.type === 'end' && end.status === 'done' ? end.result : undefined
}

const shown = (value: unknown) => (JSON.stringify(value) ?? 'missing').slice(0, 600)
