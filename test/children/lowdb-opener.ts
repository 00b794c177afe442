/** Says that it is ready, opens the store at the first byte of standard input, says how that went, and stays. Argument: directory. */
import { once } from 'node:events'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { isLifechartError } from 'lifechart/port'
import { realEnvironment, say } from './lowdb-environment.ts'

const [dir = ''] = process.argv.slice(2)
const source = lowdbAdapter({ dir })
say({ ready: process.pid })
await once(process.stdin, 'data')
try {
  const adapter = await source.open(realEnvironment)
  say({ open: process.pid })
  await once(process.stdin, 'end')
  await adapter.close()
  say({ closed: process.pid })
} catch (error) {
  if (!isLifechartError(error)) throw error
  say({ code: error.code, message: error.message, retryable: error.retryable })
}
