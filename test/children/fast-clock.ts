import { readFileSync, writeFileSync } from 'node:fs'
import type { Clock } from 'lifechart/port'

interface Timer {
  at: number
  callback: () => void
}

/** Turns of the event loop with nothing under way, after which nothing will happen but by time. */
const quietTurns = 4

/** File operations, and turns of the event loop that are not ours. */
const work = /^(FS|File|Close|Immediate)/

/**
 * Time that passes only when the process has nothing else to do, and then at once to the next timer. The file keeps the time
 * of day: a process that is killed and started again goes on from there. After `longest` milliseconds it throws.
 */
export function fastClock(file: string, longest: number): Clock {
  const start = Date.UTC(2026, 0, 1)
  let now = readTime(file) ?? start
  let quiet = 0
  let turning = false
  // In order of time; those of one time in the order in which they were armed.
  const timers: Timer[] = []

  function turn(): void {
    quiet = process.getActiveResourcesInfo().some(name => work.test(name)) ? 0 : quiet + 1
    if (quiet >= quietTurns) pass()
    turning = timers.length > 0
    if (turning) setImmediate(turn)
  }

  function pass(): void {
    quiet = 0
    const timer = timers.shift()
    if (!timer) return
    if (timer.at > now) {
      now = timer.at
      writeFileSync(file, String(now))
    }
    if (now > start + longest) throw new Error(`Nothing ended within ${longest} ms.`)
    timer.callback()
  }

  return {
    now: () => now,
    setTimeout(callback, delay) {
      const timer = { at: now + Math.max(0, delay), callback }
      timers.splice(timers.findLastIndex(other => other.at <= timer.at) + 1, 0, timer)
      if (!turning) setImmediate(turn)
      turning = true
      return timer
    },
    clearTimeout(timer) {
      const index = timers.indexOf(timer as Timer)
      if (index >= 0) timers.splice(index, 1)
    },
  }
}

function readTime(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
