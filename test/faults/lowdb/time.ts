import type { SimulatedClock } from '../../../src/testing/simulated-clock.ts'

/** One turn of the event loop: what an operation on a disk in memory takes. */
export const turn = () => new Promise<void>(resolve => setImmediate(resolve))

/** Waits for it while time goes on by itself, as for a lock that must first be seen to be stale. */
export async function whileTimePasses<T>(clock: SimulatedClock, work: Promise<T>): Promise<T> {
  let settled = false
  const done = () => {
    settled = true
  }
  work.then(done, done)
  while (!settled) {
    clock.tick(100)
    await turn()
  }
  return work
}
