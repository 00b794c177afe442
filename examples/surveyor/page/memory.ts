import type { Asked } from './asked.ts'
import type { Shown } from './fold.ts'

/** Of this tab; named for the shape of what is kept. */
const keys = { shown: 'shown/1', asked: 'asked/1' }

/** What was shown, together with the number of the last event in it: what comes behind that is all that is missing. */
export const remember = (shown: Shown): void => keep(keys.shown, shown)

/** What this tab showed of the run before it was loaded again. */
export function recall(runId: string): Shown | undefined {
  const shown = kept(keys.shown) as Shown | null
  return shown?.runId === runId ? shown : undefined
}

/** The task of the agent that was shown. */
export const rememberAsked = (asked: Asked): void => keep(keys.asked, asked)

/** The task that this tab showed before it was loaded again. */
export function recallAsked(): Asked | undefined {
  const asked = kept(keys.asked) as Asked | null
  return asked && asked.taskId !== '' ? asked : undefined
}

function keep(key: string, value: object): void {
  memory()?.setItem(key, JSON.stringify(value))
}

const kept = (key: string): unknown => JSON.parse(memory()?.getItem(key) ?? 'null')

/** Undefined where the user lets pages keep nothing: then everything is shown from its beginning again. */
function memory(): Storage | undefined {
  try {
    return sessionStorage
  } catch {
    return undefined
  }
}
