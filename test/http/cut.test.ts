import { get } from 'node:http'
import { describe, expect, it } from 'vitest'
import { type FollowClock, follow } from '../../src/client/index.ts'
import { collect, emits } from '../runs/support.ts'
import { listening, ways } from './listening.ts'
import { served } from './support.ts'

const serve = served()
const net = listening()

/** Nobody waits before connecting again. */
const hasty: FollowClock = {
  now: () => 0,
  setTimeout: (callback, delay) => (delay < 45_000 ? setImmediate(callback) : undefined),
  clearTimeout: timer => clearImmediate(timer as NodeJS.Immediate),
  random: () => 0,
}

/** How many bytes a whole answer has, the head included. */
function lengthOf(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(`${url}/runs/chat/events`, { agent: false }, response => {
      response.resume().once('end', () => resolve(response.socket.bytesRead))
    }).once('error', reject)
  })
}

describe.each(ways)('a client of a server that writes %s', way => {
  it('that is cut at any byte of the answer, in its head, in a frame or between frames, goes on without loss or duplicate', async () => {
    const { runs, handler } = await serve()
    const run = runs.start('chat', emits('one\ntwo', '\0 ü 👩‍🚀', { deep: [1, { a: '\r\n' }] }, new Uint8Array([0, 10, 13, 255]), 'last'))
    await run.ended
    const { port, url } = await net.serve(handler, way)
    const whole = await collect(follow(`${url}/runs/chat/events`, { clock: hasty }))
    expect(whole).toEqual(await collect(run.subscribe()))
    const bytes = await lengthOf(url)
    expect(bytes).toBeGreaterThan(600)
    let again = 0
    for (let cut = 0; cut <= bytes; cut++) {
      const { url: through, connections } = await net.cutting(port, cut)
      const seen = await collect(follow(`${through}/runs/chat/events`, { clock: hasty }))
      expect(seen, `cut behind ${cut} bytes`).toEqual(whole)
      again += connections() - 1
    }
    expect(again).toBeGreaterThan(bytes - 10)
  })
})
