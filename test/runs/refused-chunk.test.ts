import { describe, expect, it } from 'vitest'
import { settled } from '../../src/testing/simulated-clock.ts'
import { chunks, collect, deaf, processes } from './support.ts'

const house = processes()

describe('a producer whose chunk can not be taken', () => {
  it('gets its clean-up run to the end, once, also when that yields', async () => {
    const { runs } = await house.open()
    let cleaned = 0
    const run = runs.start('chat', async function* () {
      try {
        yield 'a'
        yield new Date()
      } finally {
        yield 'not taken any more'
        cleaned++
      }
    })
    expect(await run.ended).toMatchObject({ status: 'error', error: { code: 'NOT_SERIALIZABLE' } })
    expect(cleaned).toBe(1)
    expect(chunks(await collect(run.subscribe()))).toEqual(['a'])
  })

  it('ends for that reason though its clean-up throws', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', async function* () {
      try {
        yield new Date()
      } finally {
        await Promise.reject(new Error('the clean-up failed'))
      }
    })
    expect(await run.ended).toMatchObject({ status: 'error', error: { code: 'NOT_SERIALIZABLE' } })
  })

  it('ends behind the grace though its clean-up never does, and is told by its signal', async () => {
    const { runs } = await house.open()
    let aborted = false
    const run = runs.start(
      'chat',
      async function* ({ signal }) {
        signal.addEventListener('abort', () => {
          aborted = true
        })
        try {
          yield new Date()
        } finally {
          await deaf()
        }
      },
      { limits: { stopGrace: 3_000 } },
    )
    await settled()
    await house.clock.advance(2_999)
    expect([run.status, aborted]).toEqual(['running', true])
    await house.clock.advance(1)
    await settled()
    expect(run.status).toBe('error')
  })
})
