// A survey over HTTP whose server is killed and whose second client is cut off, and that goes on; then the same with the A2A agent:
//   node .build/examples/surveyor/demo.js [--dir <directory>] [--seed <number>] [--kills <count>] [--pace <ms>] [--without-agent] [--keep]
import { mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { converse } from './converse.ts'
import { cutLeft } from './fit.ts'
import { killPoints } from './kills.ts'
import { followSurvey, killLiving } from './lives.ts'
import { printable } from './printable.ts'
import { sayReport } from './report.ts'
import { openScreen, sayFolded } from './screen.ts'
import { comparison, storyteller, tellOn } from './story.ts'
import type { Report } from './surveyor.ts'
import { surveyUndisturbed } from './undisturbed.ts'
import { judge, judgeConversation, resultOf } from './verdict.ts'
import { walk } from './walk.ts'

const { values } = parseArgs({
  options: {
    /** What is surveyed. Default: the repository. */
    dir: { type: 'string', default: fileURLToPath(new URL('../../..', import.meta.url)) },
    /** Where the server is killed, and a client cut off, follows from it. Default: another one each time. */
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
    kills: { type: 'string', default: '1' },
    /** Milliseconds between two findings, in which the server can be killed. */
    pace: { type: 'string', default: '60' },
    /** Leaves out the conversation with the agent. */
    'without-agent': { type: 'boolean', default: false },
    /** Leaves the store for those who want to look at it. */
    keep: { type: 'boolean', default: false },
  },
})
const [seed, kills, pace] = [values.seed, values.kills, values.pace].map(Number) as [number, number, number]
if (![seed, kills, pace].every(number => Number.isSafeInteger(number) && number >= 0)) fail('--seed, --kills and --pace are whole numbers.')
if (pace === 0 && kills > 0) fail('--pace 0 leaves no time to kill the server: --pace is 1 or more, or --kills is 0.')
if (!statSync(values.dir, { throwIfNoEntry: false })?.isDirectory()) fail(`There is no directory ${printable(values.dir)}.`)

const dir = realpathSync(values.dir)
const data = mkdtempSync(join(realpathSync(tmpdir()), 'lifechart-surveyor-'))
const screen = openScreen(process.stdout)
const { say, paint } = screen
process.on('exit', () => {
  killLiving()
  screen.settle()
  if (!values.keep) rmSync(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))

let findings = 0
for await (const _ of walk(dir)) findings++
const points = killPoints(seed, kills, findings)
const [cut = 0] = killPoints(seed + 1, 1, findings)
const killed = points.length === 0 ? 'the server is not killed' : `the server is to be killed behind finding ${points.join(' and ')}`
say()
say(`  ${paint('bold', 'A survey of')} ${cutLeft(printable(dir), screen.width - 14)}`)
sayFolded(screen, `seed ${seed}, ${findings} findings: ${killed}, the second client is cut off behind finding ${cut}`, undefined, 'dim')
say()
// Below .data, which no survey enters: the stores may lie in the tree.
const store = join(data, '.data', 'survey')
const survey = { store, dir, pace, kills: points, cut }
const { events: disturbed, second, escaped } = await followSurvey(survey, storyteller(screen, findings))
screen.settle()
if (escaped > 0) {
  const times = escaped === 1 ? 'once' : `${escaped} times`
  sayFolded(screen, `It was done before it could be killed ${times}: a larger --pace leaves more time.`, undefined, 'yellow')
}

say()
const undisturbed = await surveyUndisturbed(dir, comparison(screen, findings))
screen.settle()

const checks = judge(disturbed, second, undisturbed)
if (!values['without-agent']) {
  say()
  say(`  ${paint('bold', 'A conversation')} with the agent, by the client of @a2a-js/sdk over JSON-RPC`)
  const conversed = await converse({ store: join(data, '.data', 'agent'), dir, findings }, tellOn(screen))
  checks.push(...judgeConversation(conversed, undisturbed))
}

const report = resultOf(disturbed)
if (report !== undefined) sayReport(screen, report as Report)
say()
for (const { holds, text, detail } of checks) {
  sayFolded(screen, text, holds ? { text: '✔', color: 'green' } : { text: '✖', color: 'red' })
  if (detail !== undefined) sayFolded(screen, printable(detail))
}
const good = checks.every(({ holds }) => holds)
say()
if (good) sayFolded(screen, 'Nothing was lost, and nothing came twice.', undefined, 'green')
sayFolded(screen, `${good ? 'Again' : 'Repeat it, on a tree that nobody changes meanwhile'}: --seed ${seed}`)
say()
if (values.keep) say(`  The store: ${store}\n`)
process.exitCode = good ? 0 : 1

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
