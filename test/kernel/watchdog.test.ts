import { describe, expect, it } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { faultyAdapter } from '../support/faulty-adapter.ts'
import { written } from './written.ts'

describe('who waits for the store is watched', () => {
  it('until it is found to wait no more', async () => {
    const { clock, watchdog, writer, say } = await written(memoryAdapter())
    say()
    await settled()
    expect(watchdog.watches(writer)).toBe(true)
    await clock.advance(5_000)
    expect(watchdog.watches(writer)).toBe(false)
  })

  it('and not for a moment longer once it has ended: nothing of it is kept', async () => {
    const { watchdog, writer, say, stop } = await written(memoryAdapter())
    say()
    await settled()
    stop()
    expect(watchdog.watches(writer)).toBe(false)
  })

  it('but when it has ended with a commit that is not answered, for as long as that takes', async () => {
    const store = faultyAdapter(memoryAdapter())
    const { clock, watchdog, writer, overdue, say, stop } = await written(store)
    store.hold()
    say()
    await settled()
    stop()
    expect(watchdog.watches(writer)).toBe(true)
    await clock.advance(5_000)
    expect(overdue).toMatchObject([{ code: 'STORE_UNAVAILABLE' }])
  })
})
