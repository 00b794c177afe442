import type { Logger } from './environment.ts'

/** Neutralises what a terminal would act on: JSON escapes the C0 controls, this the rest. */
function safe(text: string): string {
  return text.replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** One JSON object a line. */
export function lineLogger(write: (line: string) => void, now: () => number): Logger {
  const log = (level: string) => (message: string, facts?: Readonly<Record<string, unknown>>) =>
    write(safe(JSON.stringify({ time: new Date(now()).toISOString(), level, message, ...facts })))
  return { info: log('info'), warn: log('warn'), error: log('error') }
}
