import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { callers } from './callers.ts'
import { cancels } from './cancels.ts'
import { executors } from './executors.ts'
import { lifechart } from './lifechart.ts'
import { messages } from './messages.ts'
import { restarts } from './restarts.ts'
import { sdk } from './sdk.ts'
import type { Situation } from './situation.ts'
import { streams } from './streams.ts'

const situations: readonly Situation[] = [...streams, ...messages, ...cancels, ...restarts, ...executors, ...callers]

/** Milliseconds after which a situation counts as one that hangs. */
const bound = 2_000

/** Brings every situation about with both handlers, one after the other, and writes down what happened. */
export async function situationsTable(): Promise<string> {
  const subjects = [sdk, lifechart]
  const rows = [
    ['situation', ...subjects.map(({ name }) => name)],
    ['---', '---', '---'],
  ]
  for (const { title, observe } of situations) {
    const cells: string[] = []
    for (const subject of subjects) cells.push(await watched(() => observe(subject)))
    rows.push([title, ...cells])
  }
  return rows.map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

/** With what would have ended the process, had nobody caught it. */
async function watched(observe: () => Promise<string>): Promise<string> {
  let unhandled = 0
  const listen = () => {
    unhandled++
  }
  process.on('unhandledRejection', listen)
  try {
    const outcome = await Promise.race([observe(), sleep(bound, 'hangs')])
    await new Promise(resolve => setImmediate(resolve))
    return unhandled > 0 ? `${outcome}; an unhandled rejection ends the process` : outcome
  } finally {
    process.off('unhandledRejection', listen)
  }
}
