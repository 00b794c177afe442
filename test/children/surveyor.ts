/** Surveys a tree, then stops a second survey in its middle, and says what it took. Arguments: directory of the store, directory to survey. */
import { openLifechart } from 'lifechart'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { type Report, surveyor } from '../../examples/surveyor/surveyor.ts'

const [store = '', dir = ''] = process.argv.slice(2)
const lifechart = await openLifechart({ adapter: lowdbAdapter({ dir: store }) })
lifechart.runs.define('survey', surveyor)
const start = () => lifechart.runs.start('survey', { type: 'survey', input: { dir } }, { orphan: 'resume' })

const began = performance.now()
const run = start()
let first = Number.POSITIVE_INFINITY
let findings = 0
let files = 0
for await (const event of run.subscribe()) {
  if (event.type === 'chunk' && findings++ === 0) first = performance.now() - began
  if (event.type === 'end') files = (event.result as Report).files
}
const whole = performance.now() - began

const second = start()
let seen = 0
for await (const event of second.subscribe()) if (event.type === 'chunk' && ++seen === 100) break
const told = performance.now()
const stopped = await second.stop()
const stop = performance.now() - told
const { status } = await second.ended
await lifechart.close()

// The most memory this process ever had; the system gives it in KiB.
const memory = process.resourceUsage().maxRSS * 1024
process.stdout.write(JSON.stringify({ files, findings, first, whole, stopped, stop, status, memory }))
