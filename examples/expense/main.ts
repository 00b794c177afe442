// Settles an expense claim in a directory, step by step: node .build/examples/expense/main.js <directory>
// Interrupt it whenever you like (Ctrl-C, kill -9) and start it again: it goes on where it was, deadlines included.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openLifechart } from 'lifechart'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { settleClaim } from './claim.ts'
import { officeIn } from './office.ts'

const [dir = 'expenses'] = process.argv.slice(2)
mkdirSync(dir, { recursive: true })

const machine = officeIn(dir)
const lifechart = await openLifechart({ adapter: lowdbAdapter({ dir: join(dir, 'store') }), charts: [machine] })
// Days in an office, seconds here.
const patience = { reminder: 2_000, escalation: 5_000, retry: 1_000 }
const claim = await settleClaim(lifechart, machine, { claim: 'travel-7', patience }, console.log)
console.log(await claim.ended)
await lifechart.close()
