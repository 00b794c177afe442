import { memoryAdapter } from 'lifechart/adapters/memory'
import { describe, expect, it } from 'vitest'
import { type LifechartOptions, openLifechart } from '../src/lifechart.ts'
import { testEnvironment } from '../src/testing/environment.ts'
import { emits } from './runs/support.ts'

/** What a runtime says in its log from its opening to its close. */
async function saidBy(options: LifechartOptions): Promise<unknown[]> {
  const environment = testEnvironment()
  const lifechart = await openLifechart({ ...environment, ...options })
  await lifechart.runs.start('chat', emits('a')).ended
  await lifechart.runs.start('not stored', emits('a'), { durability: 'none' }).ended
  await environment.clock.advance(200_000)
  await lifechart.close()
  return environment.log.map(({ level, message }) => `${level}: ${message}`)
}

const notice = 'info: No adapter: everything is kept in memory and gone with the process. See docs/adapters.md.'

describe('a runtime without an adapter', () => {
  it('keeps everything in memory and says so once, when it is opened', async () => {
    const environment = testEnvironment()
    const lifechart = await openLifechart(environment)
    expect(environment.log.map(({ message }) => `info: ${message}`)).toEqual([notice])
    await lifechart.close()
  })

  it('does not say it again, whatever it is used for; the next one says it for itself', async () => {
    expect(await saidBy({})).toEqual([notice])
    expect(await saidBy({})).toEqual([notice])
  })
})

describe('a runtime with an adapter', () => {
  it('says nothing of the kind, also when that is memory', async () => {
    expect(await saidBy({ adapter: memoryAdapter() })).toEqual([])
  })
})
