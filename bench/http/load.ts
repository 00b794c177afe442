import { neverRead, Reader, type Reading } from './reader.ts'
import { answer } from './remote.ts'

let readers: Reader[] = []
let since = 0

/** A program: the clients of a server. */
const commands = {
  /** Resolves when every one of them has got the beginning of its answer. */
  async connect(reading: Reading, connections: number): Promise<void> {
    since = performance.now()
    readers = Array.from({ length: connections }, () => new Reader(reading))
    await Promise.all(readers.map(({ begun }) => begun))
  },

  /** Resolves when every one of them has got all: with the milliseconds since they began to connect, and the bytes of the one that got least. */
  async finished(): Promise<{ took: number; least: number }> {
    await Promise.all(readers.map(({ ended }) => ended))
    return { took: performance.now() - since, least: Math.min(...readers.map(({ bytes }) => bytes)) }
  },

  neverRead,
}

export type Load = typeof commands

answer(commands)
