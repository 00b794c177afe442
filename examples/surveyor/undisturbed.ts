import type { RunEvent } from 'lifechart'
import { surveyor } from './surveyor.ts'

/** The same survey with nothing in between: no store, no server, nobody who dies. What it would have told a client. */
export async function surveyUndisturbed(dir: string, told: (event: RunEvent) => void): Promise<RunEvent[]> {
  const events: RunEvent[] = []
  const tell = (event: RunEvent) => {
    events.push(event)
    told(event)
  }
  const survey = surveyor({ input: { dir }, signal: new AbortController().signal, lastChunk: undefined })
  for (;;) {
    const { value, done } = await survey.next()
    const seq = events.length + 1
    // As it would have come over the wire.
    const data: unknown = JSON.parse(JSON.stringify(value))
    if (!done) tell({ seq, type: 'chunk', data })
    else {
      tell({ seq, type: 'end', status: 'done', result: data })
      return events
    }
  }
}
