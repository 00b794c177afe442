// The process that may die: it surveys a directory and tells its parent every event, from the first one that the parent does not have.
import { openLifechart } from 'lifechart'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { surveyor } from './surveyor.ts'

/** What the parent says at the start. */
export interface Assignment {
  store: string
  dir: string
  pace: number
  /** The number of the last event the parent has. */
  after: number
}

const { store, dir, pace, after } = JSON.parse(process.argv[2] ?? '{}') as Assignment

const lifechart = await openLifechart({ adapter: lowdbAdapter({ dir: store }) })
lifechart.runs.define('survey', surveyor)
// What an earlier process had begun, goes on by itself.
if (!(await lifechart.runs.get('survey'))) {
  await lifechart.runs.start('survey', { type: 'survey', input: { dir, pace } }, { orphan: 'resume' }).started
}
for await (const event of lifechart.runs.subscribe('survey', { after })) await tell(event)
await lifechart.close()
process.disconnect()

function tell(event: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!process.send) throw new Error('This is started by demo.ts.')
    process.send(event, (error: Error | null) => (error ? reject(error) : resolve()))
  })
}
