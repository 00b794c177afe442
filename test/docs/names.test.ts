import { openTestLifechart } from 'lifechart/testing'
import { expect, it } from 'vitest'
import { page, source, tableBelow } from './pages.ts'

const namesBelow = (heading: string) => tableBelow(page('docs/runs.md'), heading).map(([name]) => name)

it('docs/runs.md has every name of stats(), and no other', async () => {
  const { lifechart } = await openTestLifechart()
  expect(namesBelow('### stats()').sort()).toEqual(Object.keys(lifechart.stats()).sort())
  await lifechart.close()
})

it('docs/runs.md has every code of explain(), and no other', async () => {
  const union = /code:\s*((?:\|\s*'\w+'\s*)+)/.exec(await source('src/explain.ts'))?.[1] ?? ''
  const codes = [...union.matchAll(/'(\w+)'/g)].map(match => match[1])
  expect(codes.length).toBeGreaterThan(5)
  expect(namesBelow('### explain(id)').sort()).toEqual(codes.sort())
})

it('docs/runs.md has every reason of a stop, and no other', async () => {
  const union = /type StopReason = (.*)/.exec(await source('src/machines/run.ts'))?.[1] ?? ''
  const reasons = [...union.matchAll(/'(\w+)'/g)].map(match => match[1])
  expect(reasons.length).toBeGreaterThan(5)
  expect(namesBelow('### Reasons').sort()).toEqual(reasons.sort())
})
