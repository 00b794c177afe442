import { it } from 'vitest'
import { settled } from '../../src/testing/simulated-clock.ts'
import { chunks, collect, emits, emitsAndStays, processes, Reader } from './support.ts'

const house = processes()
it('one', async () => {
    const { runs, clock, lifechart } = await house.open({ limits: { subscriberIdle: 60_000 } })
    const run = runs.start('chat', emits('a'))
    await run.ended
    const stalled = run.subscribe()
    await stalled.next()
    for (let t = 0; t < 400_000; t += 30_000) {
    await clock.advance(30_000)
    const s = lifechart.stats()
    console.log(t + 30_000, s['runs.retained'], s['runs.subscribers'], clock.pending)
    }
})
it('two', async () => {
  const here = await house.open()
  const there = await house.open()
  const run = here.runs.start('chat', emitsAndStays('a'))
  await run.started
  await settled()
    const reader = new Reader(there.runs.subscribe('chat'))
    await settled()
    const second = here.runs.start('chat', emits('b'))
    const e = await Promise.race([reader.done, settled(100)])
    console.log(reader, run.status, second.status, there.lifechart.stats())
    const r2 = new Reader(there.runs.subscribe('chat'))
    await settled(20)
    console.log(r2,second.status, there.lifechart.stats())
}, 5000)
