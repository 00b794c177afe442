import { TaskState } from '@a2a-js/sdk'
import { ServerCallContext } from '@a2a-js/sdk/server'
import { answer } from '../http/remote.ts'
import { heapUsed } from '../measure.ts'
import { asks, request, waits } from './agents.ts'
import { type Handling, handling, type Kind } from './handlers.ts'

export type Held = 'parked' | 'executing'

const sleep = (delay: number) => new Promise<void>(resolve => setTimeout(resolve, delay))

async function add({ handler, lifechart }: Handling, held: Held, count: number): Promise<void> {
  let left = count
  const sender = async () => {
    while (left-- > 0) {
      const sent = await handler.sendMessage(request(0, held === 'executing'), new ServerCallContext())
      if (held === 'parked' && (!('status' in sent) || sent.status?.state !== TaskState.TASK_STATE_INPUT_REQUIRED))
        throw new Error('A task does not wait for its user.')
    }
  }
  await Promise.all(Array.from({ length: 32 }, sender))
  while (held === 'parked' && lifechart && lifechart.stats()['tasks.live'] !== 0) await sleep(5)
}

/** Bytes of heap when all is done that goes on behind what was awaited, and what it needed is collected. */
async function settled(): Promise<number> {
  for (let n = 0; n < 4; n++) {
    await sleep(500)
    heapUsed()
  }
  return heapUsed()
}

/** A program: tasks that are over for nobody. */
const commands = {
  /** Bytes of heap for each of so many tasks, behind a tenth of them that are not counted. */
  async perTask(kind: Kind, held: Held, count: number, dir: string): Promise<number> {
    const handled = await handling(kind, held === 'parked' ? asks : waits, dir)
    await add(handled, held, count / 10)
    const before = await settled()
    await add(handled, held, count)
    const each = ((await settled()) - before) / count
    const live = handled.lifechart?.stats()['tasks.live'] ?? 0
    if (held === 'executing' && handled.lifechart && live !== count * 1.1) throw new Error(`${live} tasks are at work.`)
    return each
  },
}

export type Holding = typeof commands

answer(commands)
