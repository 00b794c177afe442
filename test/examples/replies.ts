import { type Lifechart, openLifechart, type ProducerContext } from 'lifechart'
import type { Authorize } from 'lifechart/http'
import { testEnvironment } from 'lifechart/testing'
import { memoryAdapter } from '../../src/adapters/memory.ts'

/** A runtime whose replies go on when the test says so. */
export interface Replies {
  lifechart: Lifechart
  /** How many of them wait in the middle. */
  readonly waiting: number
  /** Those that wait are finished. */
  finish(): void
}

/** Replies word by word; one to a text with `…` waits there until it is told to go on, or to stop. */
export async function openReplies(): Promise<Replies> {
  const { logger } = testEnvironment()
  const lifechart = await openLifechart({ adapter: memoryAdapter(), logger })
  const waiting = new Set<() => void>()
  lifechart.runs.define('reply', async function* ({ input, signal }: ProducerContext) {
    for (const word of (input as { text: string }).text.split(' ')) {
      if (word !== '…') yield { word }
      else {
        await new Promise<void>(resolve => {
          const goOn = () => {
            waiting.delete(goOn)
            resolve()
          }
          waiting.add(goOn)
          signal.addEventListener('abort', goOn, { once: true })
        })
      }
    }
  })
  return {
    lifechart,
    get waiting() {
      return waiting.size
    },
    finish() {
      for (const goOn of waiting) goOn()
    },
  }
}

/** Whoever sends the cookie of a user sees the runs whose ids begin with that user. */
export const byCookie: Authorize = ({ request, id }) => {
  const user = /^user=(\w+)$/.exec(request.headers.get('cookie') ?? '')?.[1]
  return user !== undefined && id.startsWith(`${user}.`)
}
