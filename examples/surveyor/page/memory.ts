import type { Shown } from './fold.ts'

/** Of this tab; named for the shape of what it keeps. */
const key = 'shown/1'

/** What was shown, together with the number of the last event in it: what comes behind that is all that is missing. */
export function remember(shown: Shown): void {
  memory()?.setItem(key, JSON.stringify(shown))
}

/** What this tab showed of the run before it was loaded again. */
export function recall(runId: string): Shown | undefined {
  const kept = JSON.parse(memory()?.getItem(key) ?? 'null') as Shown | null
  return kept?.runId === runId ? kept : undefined
}

/** Undefined where the user lets pages keep nothing: then the survey is shown from its first event again. */
function memory(): Storage | undefined {
  try {
    return sessionStorage
  } catch {
    return undefined
  }
}
