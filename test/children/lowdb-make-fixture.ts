/** Writes the store that later versions must be able to read, and what it shows. Argument: directory of the fixture, such as test/fixtures/stores/v1. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { testEnvironment } from 'lifechart/testing'
import { createLedger } from '../faults/lowdb/ledger.ts'
import { play, script } from '../faults/lowdb/script.ts'

const [directory] = process.argv.slice(2)
if (directory === undefined) throw new Error('Name the directory of the fixture')
const environment = testEnvironment()
const adapter = await lowdbAdapter({ dir: path.join(directory, 'store'), segmentBytes: 6_000 }).open(environment)
const ledger = createLedger()
const session = await adapter.session('fixture', 60_000)
if (!(await play(adapter, ledger, script(session.id), environment.clock))) throw new Error('The store did not take everything')
await ledger.settle(adapter)
await adapter.close()
await writeFile(path.join(directory, 'contents.json'), `${JSON.stringify(ledger.picture(), null, 2)}\n`)
