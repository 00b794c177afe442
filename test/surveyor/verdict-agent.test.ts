import { TaskState } from '@a2a-js/sdk'
import { expect, it } from 'vitest'
import { toldOf } from '../../examples/surveyor/agent.ts'
import type { Conversed } from '../../examples/surveyor/converse.ts'
import { markdownOf } from '../../examples/surveyor/markdown.ts'
import { Told } from '../../examples/surveyor/told.ts'
import { surveyUndisturbed } from '../../examples/surveyor/undisturbed.ts'
import { judgeConversation } from '../../examples/surveyor/verdict.ts'
import { survey, temporary } from './tree.ts'

const { tree } = temporary()

/** A conversation that went as it should, and then another way; which of its checks fail. */
async function failing(change: (conversed: Conversed) => void): Promise<number[]> {
  const dir = tree({ 'a.ts': 'x\n', 'b/c.ts': 'y\n' })
  const { findings, report } = await survey(dir)
  const asIs = () => toldTo(TaskState.TASK_STATE_COMPLETED, findings.map(toldOf), report && markdownOf('.', report))
  const conversed: Conversed = {
    question: toldTo(TaskState.TASK_STATE_INPUT_REQUIRED),
    survey: asIs(),
    stored: asIs(),
    cancelled: toldTo(TaskState.TASK_STATE_CANCELED),
    outside: toldTo(TaskState.TASK_STATE_REJECTED),
  }
  change(conversed)
  const checks = judgeConversation(conversed, await surveyUndisturbed(dir, () => undefined))
  for (const { holds, detail } of checks) expect(detail === undefined).toBe(holds)
  return checks.flatMap(({ holds }, i) => (holds ? [] : [i]))
}

function toldTo(state: TaskState, findings: unknown[] = [], report = ''): Told {
  return Object.assign(new Told(), { taskId: 'task', state, findings, report })
}

it('the verdict is good when the conversation went as it should', async () => {
  expect(await failing(() => undefined)).toEqual([])
})

it.each<[string, (conversed: Conversed) => void, number[]]>([
  ['the agent did not ask', ({ question }) => void (question.state = TaskState.TASK_STATE_WORKING), [0]],
  ['the answer began another task', ({ survey }) => void (survey.taskId = 'other'), [1]],
  ['the survey failed', ({ survey }) => void (survey.state = TaskState.TASK_STATE_FAILED), [1, 3]],
  ['a finding came twice', ({ survey }) => void survey.findings.push(survey.findings[0]), [2]],
  ['a finding was lost', ({ survey }) => void survey.findings.shift(), [2]],
  ['the store has another one', ({ stored }) => void stored.findings.pop(), [3]],
  ['there is no report', ({ survey }) => void (survey.report = ''), [3, 4]],
  ['the second task was not canceled', ({ cancelled }) => void (cancelled.state = TaskState.TASK_STATE_COMPLETED), [5]],
  ['something outside was surveyed', ({ outside }) => void outside.findings.push({}), [6]],
])('the verdict is bad when %s', async (_case, change, checks) => {
  expect(await failing(change)).toEqual(checks)
})
