import type { FollowClock } from './clock.ts'
import type { Patience } from './patience.ts'

/** Lets `delay` milliseconds pass; fewer when a browser comes back online and may go on at once. */
export async function pause(delay: number, mayHurry: boolean, clock: FollowClock, patience: Patience): Promise<void> {
  const page: Partial<Pick<EventTarget, 'addEventListener' | 'removeEventListener'>> = globalThis as object
  let timer: unknown
  let wake = () => {}
  const awake = new Promise<void>(resolve => {
    wake = resolve
    timer = clock.setTimeout(wake, delay)
    if (mayHurry) page.addEventListener?.('online', wake)
  })
  try {
    await patience.wait(awake)
  } finally {
    clock.clearTimeout(timer)
    page.removeEventListener?.('online', wake)
  }
}
