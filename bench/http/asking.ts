import { Agent, get } from 'node:http'
import { nextTurn } from '../measure.ts'
import { Reader, type Reading } from './reader.ts'
import { answer } from './remote.ts'

const agent = new Agent({ keepAlive: true })

/** Resolves with the status when the whole answer is there. */
function ask({ port, path, caller }: Reading): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ port, path, host: '127.0.0.1', agent, headers: { ...(caller !== undefined && { caller }) } }, response => {
      response.on('error', reject)
      response.on('end', () => resolve(response.statusCode ?? 0))
      response.resume()
    }).on('error', reject)
  })
}

const sleep = (delay: number) => new Promise<void>(resolve => setTimeout(resolve, delay))
let flooding = false

/** A program: callers that ask again and again. */
const commands = {
  /** The milliseconds that each of so many questions took, one after the other. */
  async latencies(reading: Reading, questions: number): Promise<number[]> {
    const took: number[] = []
    for (let n = 0; n < questions; n++) {
      const since = performance.now()
      const status = await ask(reading)
      took.push(performance.now() - since)
      if (status !== 200) throw new Error(`Answered with ${status}.`)
      await sleep(2)
    }
    return took
  },

  /** Opens a stream and asks for a status, again and again until told to end, so many questions a second. It closes no stream. */
  async flood(reading: Reading, perSecond: number): Promise<{ perSecond: number; open: number }> {
    flooding = true
    const since = performance.now()
    let asked = 0
    let open = 0
    while (flooding) {
      if (asked >= ((performance.now() - since) / 1000) * perSecond) {
        await sleep(1)
        continue
      }
      // A stream that is one too many is refused, and its connection closed.
      const stream = new Reader({ ...reading, path: `${reading.path}/events` })
      open++
      void stream.ended.then(() => open--)
      await Promise.all([stream.begun, ask(reading)])
      asked += 2
      await nextTurn()
    }
    const took = performance.now() - since
    // The connections of those that were refused at last close meanwhile.
    await sleep(100)
    return { perSecond: asked / (took / 1000), open }
  },

  endFlood(): void {
    flooding = false
  },
}

export type Asking = typeof commands

answer(commands)
