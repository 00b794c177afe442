import { expect, it } from 'vitest'
import { seededIds, testEnvironment } from '../../src/testing/environment.ts'

it('makes the same ids from the same seed, and others from another', () => {
  const take = (seed: number) => Array.from({ length: 100 }, seededIds(seed))
  expect(take(7)).toEqual(take(7))
  expect(new Set([...take(7), ...take(8)]).size).toBe(200)
})

it('makes ids that are sorted by their creation', () => {
  const ids = Array.from({ length: 2000 }, seededIds(1))
  expect([...ids].sort()).toEqual(ids)
})

it('keeps what is logged', () => {
  const { logger, log } = testEnvironment()
  logger.info('Opened', { store: 'memory' })
  logger.warn('Slow')
  logger.error('Failed', { code: 'STORE_FULL' })
  expect(log).toEqual([
    { level: 'info', message: 'Opened', facts: { store: 'memory' } },
    { level: 'warn', message: 'Slow', facts: {} },
    { level: 'error', message: 'Failed', facts: { code: 'STORE_FULL' } },
  ])
})
