import { expect, it } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory.ts'
import { decode, encodeData } from '../../src/kernel/stream/record.ts'
import { written } from './written.ts'

it('data that waited in front of a step whose key is taken is committed all the same, and the stream goes on', async () => {
  const source = memoryAdapter()
  const { adapter, writer } = await written(source)
  await adapter.commit({ id: 'other', changes: [{ stream: 'other', kind: 'k', expect: 0, events: ['1'], claim: [{ key: 'taken' }] }] })
  const step = (key: string) =>
    writer.enqueue(() => {
      // Pending when the step is committed.
      writer.append(encodeData(`before ${key}`, 100))
      return writer.commit(() => encodeData(`step ${key}`, 100), { change: { claim: [{ key }] } })
    })
  await expect(step('taken')).rejects.toMatchObject({ code: 'KEY_TAKEN' })
  await step('free')
  const { events } = await adapter.read('s', { after: 0, limit: 10 })
  expect(events.map(decode)).toEqual(['before taken', 'before free', 'step free'])
})
