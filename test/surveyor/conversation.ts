import { type Message, type Part, type StreamResponse, type Task, TaskState } from '@a2a-js/sdk'
import { textIn } from '../../examples/surveyor/told.ts'

export function taskIn(sent: Message | Task): Task {
  if ('artifacts' in sent) return sent
  throw new Error(`A message was the answer: ${textIn(sent.parts)}`)
}

/** The findings that a task has. */
export function findingsOf({ artifacts }: Task): unknown[] {
  return dataOf(artifacts.find(({ artifactId }) => artifactId === 'findings')?.parts)
}

function dataOf(parts: readonly Part[] = []): unknown[] {
  return parts.flatMap(({ content }) => (content?.$case === 'data' ? [content.value] : []))
}

/** All that a stream tells, as a client keeps it. */
export async function toldBy(stream: AsyncIterable<StreamResponse>) {
  const told = {
    states: [] as string[],
    progress: [] as unknown[],
    findings: [] as unknown[],
    /** Of each chunk of findings. */
    appended: [] as boolean[],
    report: '',
  }
  const state = (at: TaskState | undefined) => told.states.push((TaskState[at ?? 0] ?? '').slice('TASK_STATE_'.length))
  for await (const { payload } of stream) {
    if (payload?.$case === 'task') {
      state(payload.value.status?.state)
      told.findings = findingsOf(payload.value)
    } else if (payload?.$case === 'statusUpdate') {
      state(payload.value.status?.state)
      if (payload.value.metadata?.progress) told.progress.push(payload.value.metadata.progress)
    } else if (payload?.$case === 'artifactUpdate') {
      const { artifact, append } = payload.value
      if (artifact?.artifactId === 'report') told.report = textIn(artifact.parts)
      else {
        told.appended.push(append)
        told.findings = [...(append ? told.findings : []), ...dataOf(artifact?.parts)]
      }
    }
  }
  return told
}
