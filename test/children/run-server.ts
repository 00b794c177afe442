/**
 * Executes two runs on a lowdb store until it is told to end: one that resumes, one that does not. Says every event that a
 * subscriber saw. Argument: directory. SIGTERM closes it as a server would.
 */
import { openLifechart } from 'lifechart'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { say } from './lowdb-environment.ts'

const [dir = ''] = process.argv.slice(2)
const silent = () => {}
const lifechart = await openLifechart({ adapter: lowdbAdapter({ dir }), logger: { info: silent, warn: silent, error: silent } })

async function* ticks({ signal }: { signal: AbortSignal }) {
  for (let i = 1; !signal.aborted; i++) {
    yield i
    await new Promise(resolve => setTimeout(resolve, 1))
  }
}

lifechart.runs.define('ticks', ticks)
lifechart.runs.start('resumes', { type: 'ticks' }, { orphan: 'resume' })
lifechart.runs.start('stops', ticks)
for (const id of ['resumes', 'stops']) lifechart.runs.follow(id, batch => batch.events.forEach(event => void say({ id, event })))
process.once('SIGTERM', () => void lifechart.close({ timeout: 2_000 }).then(() => process.exit(0)))
