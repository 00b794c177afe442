import { expect, it } from 'vitest'
import { processes } from '../runs/support.ts'
import { agent, all, deferred, says, state, taskOf, textOf } from './support.ts'

const house = processes()

it('a message that was dealt with is answered at once when it is sent again, though a later one is being executed', async () => {
  const { lifechart } = await house.open()
  const gate = deferred()
  lifechart.tasks.define(
    'asks',
    agent(async script => {
      const text = textOf(script.context.userMessage.parts)
      if (text === 'second') {
        script.status(state.TASK_STATE_WORKING, 'at the second')
        await gate.promise
      }
      script.status(state.TASK_STATE_INPUT_REQUIRED, `asks behind ${text}`)
    }),
  )
  const asked = taskOf(await lifechart.tasks.send('asks', says('first')))
  const first = says('more', { taskId: asked.id })
  await lifechart.tasks.send('asks', first)
  const second = lifechart.tasks.send('asks', says('second', { taskId: asked.id }))
  await expect.poll(async () => (await lifechart.tasks.get(asked.id)).status?.state).toBe(state.TASK_STATE_WORKING)
  const again = taskOf(await lifechart.tasks.send('asks', first))
  expect(textOf(again.status?.message?.parts ?? [])).toBe('at the second')
  expect(await all(lifechart.tasks.stream('asks', first))).toEqual(['task working'])
  gate.resolve()
  expect(textOf(taskOf(await second).status?.message?.parts ?? [])).toBe('asks behind second')
})
