/** The expense example with time that flies, killed at one of its commits. Arguments: directory, before or after, number of the commit (0: none). */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openLifechart } from 'lifechart'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { settleClaim } from '../../examples/expense/claim.ts'
import { officeIn } from '../../examples/expense/office.ts'
import { fastClock } from './fast-clock.ts'
import { type Moment, mortal } from './mortal-adapter.ts'

const [dir = '', moment = '', at = ''] = process.argv.slice(2)
mkdirSync(dir, { recursive: true })
const hours = 3_600_000
// Signs of life are given seldom: the four days would be 150,000 of them otherwise.
const sign = 1_000 * hours
const { adapter, commits } = mortal(lowdbAdapter({ dir: join(dir, 'store'), lockHeartbeat: sign }), moment as Moment, Number(at))
const machine = officeIn(dir)
const lifechart = await openLifechart({
  adapter,
  charts: [machine],
  clock: fastClock(join(dir, 'time'), 300 * hours),
  limits: { sessionTtl: sign },
})
const patience = { reminder: 24 * hours, escalation: 60 * hours, retry: 24 * hours }
const claim = await settleClaim(lifechart, machine, { claim: 'travel-7', patience }, () => {})
const { value, context, status } = claim.snapshot
const output = await claim.ended
const steps = []
for await (const step of claim.steps()) steps.push(step)
process.stdout.write(JSON.stringify({ commits: commits(), status, value, context, output, steps }))
await lifechart.close()
