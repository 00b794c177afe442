// A survey whose process is killed, and goes on:
//   node .build/examples/surveyor/demo.js [--dir <directory>] [--seed <number>] [--kills <count>] [--pace <ms>] [--keep]
import { mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { killPoints } from './kills.ts'
import { followSurvey, killLiving } from './lives.ts'
import { printable } from './printable.ts'
import { sayReport } from './report.ts'
import { openScreen } from './screen.ts'
import { comparison, storyteller } from './story.ts'
import type { Report } from './surveyor.ts'
import { judge, resultOf } from './verdict.ts'
import { walk } from './walk.ts'

const { values } = parseArgs({
  options: {
    /** What is surveyed. Default: the repository. */
    dir: { type: 'string', default: fileURLToPath(new URL('../../..', import.meta.url)) },
    /** Where the process is killed follows from it. Default: another one each time. */
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
    kills: { type: 'string', default: '1' },
    /** Milliseconds between two findings. */
    pace: { type: 'string', default: '60' },
    /** Leaves the stores for those who want to look at them. */
    keep: { type: 'boolean', default: false },
  },
})
const [seed, kills, pace] = [values.seed, values.kills, values.pace].map(Number) as [number, number, number]
if (![seed, kills, pace].every(number => Number.isSafeInteger(number) && number >= 0)) fail('--seed, --kills and --pace are whole numbers.')
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
say(`\n  ${paint('bold', 'A survey of')} ${printable(dir)}`)
say(
  `  ${paint('dim', `seed ${seed}: ${points.length === 0 ? 'not killed' : `killed behind finding ${points.join(' and ')}`} of ${findings}`)}\n`,
)
// Below .data, which no survey enters: the stores may lie in the tree.
const store = (name: string) => join(data, '.data', name)
const disturbed = await followSurvey({ store: store('killed'), dir, pace, kills: points }, storyteller(screen, findings))
screen.settle()

say()
const again = { store: store('undisturbed'), dir, pace: 0, kills: [] }
const undisturbed = await followSurvey(again, comparison(screen, findings))
screen.settle()

const report = resultOf(disturbed)
if (report !== undefined) sayReport(screen, report as Report)
say()
const checks = judge(disturbed, undisturbed)
for (const { holds, text, detail } of checks) {
  say(`  ${holds ? paint('green', '✔') : paint('red', '✖')} ${text}`)
  if (detail !== undefined) say(`    ${printable(detail)}`)
}
const good = checks.every(({ holds }) => holds)
say(
  good
    ? `\n  ${paint('green', 'Nothing was lost, and nothing came twice.')} Again: --seed ${seed}\n`
    : `\n  Repeat it, on a tree that nobody changes meanwhile: --seed ${seed}\n`,
)
if (values.keep) say(`  The stores: ${data}\n`)
process.exitCode = good ? 0 : 1

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
