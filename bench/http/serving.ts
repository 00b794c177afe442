import { monitorEventLoopDelay } from 'node:perf_hooks'
import { heapUsed } from '../measure.ts'
import { answer } from './remote.ts'
import type { BenchServer, Kind } from './server.ts'
import { lifechartServer } from './server-lifechart.ts'
import { plainServer } from './server-plain.ts'

const open = (kind: Kind, dir: string | undefined) =>
  kind === 'plain' ? plainServer() : lifechartServer({ direct: kind === 'direct', dir })

let server: BenchServer | undefined
const served = () => {
  if (!server) throw new Error('The server is not open.')
  return server
}
const delay = monitorEventLoopDelay({ resolution: 1 })

/** A program: a server that does what a benchmark tells it to. */
const commands = {
  /** Resolves with the port. */
  async open(kind: Kind, dir?: string): Promise<number> {
    server = await open(kind, dir)
    return server.port
  },

  prepare: (id: string, events: number, burst: number) => served().prepare(id, events, burst),

  emit: () => served().emit(),

  /** The same, with the most bytes that the process had meanwhile beyond what it had before: in all, and in its heap. */
  async emitWatched(): Promise<{ took: number; resident: number; heap: number }> {
    heapUsed()
    const before = process.memoryUsage()
    let resident = before.rss
    let heap = before.heapUsed
    const look = () => {
      const now = process.memoryUsage()
      resident = Math.max(resident, now.rss)
      heap = Math.max(heap, now.heapUsed)
    }
    const timer = setInterval(look, 20)
    const took = await served().emit()
    clearInterval(timer)
    look()
    return { took, resident: resident - before.rss, heap: heap - before.heapUsed }
  },

  watchDelay(): void {
    delay.reset()
    delay.enable()
  },

  /** For how many milliseconds the event loop was late since then. */
  delay(): { p99: number; max: number } {
    delay.disable()
    return { p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 }
  },
}

export type Serving = typeof commands

answer(commands)
