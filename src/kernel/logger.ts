import type { Logger } from './environment.ts'

/** Neutralises what a terminal would act on: JSON escapes the C0 controls, this the rest. */
function safe(text: string): string {
  return text.replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

type Facts = Readonly<Record<string, unknown>>

/** What JSON has no words for, as text. */
function readable(_key: string, value: unknown): unknown {
  return value instanceof Error || typeof value === 'bigint' ? String(value) : value
}

/** Logging never throws: facts that can not be written are named. */
function encode(own: Facts, facts: Facts = {}): string {
  try {
    return JSON.stringify({ ...own, ...facts, ...own }, readable)
  } catch (error) {
    return JSON.stringify({ ...own, unwritable: Object.keys(facts), because: String(error) })
  }
}

/** One JSON object a line. */
export function lineLogger(write: (line: string) => void, now: () => number): Logger {
  const log = (level: string) => (message: string, facts?: Facts) =>
    write(safe(encode({ time: new Date(now()).toISOString(), level, message }, facts)))
  return { info: log('info'), warn: log('warn'), error: log('error') }
}
