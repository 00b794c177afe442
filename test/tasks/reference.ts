import { seqKey } from '../../src/tasks/events.ts'
import type { StreamResponse, Task } from '../../src/tasks/model.ts'
import { textOf } from './support.ts'

/** A task as a client puts it together that knows nothing but the events. */
export interface Folded {
  state: number | undefined
  artifacts: Record<string, string>
}

export function seqOf({ payload }: StreamResponse): number {
  return Number(payload?.value.metadata?.[seqKey])
}

const artifactsOf = ({ artifacts }: Task) => Object.fromEntries(artifacts.map(({ artifactId, parts }) => [artifactId, textOf(parts)]))

/** The folding of A2A, as plainly as can be. */
export function fold(events: readonly StreamResponse[]): Folded {
  let folded: Folded = { state: undefined, artifacts: {} }
  for (const { payload } of events) {
    if (payload?.$case === 'task') folded = plain(payload.value)
    else if (payload?.$case === 'statusUpdate') folded.state = payload.value.status?.state
    else if (payload?.$case === 'artifactUpdate') {
      const { artifact, append } = payload.value
      const { artifactId = '', parts = [] } = artifact ?? {}
      folded.artifacts[artifactId] = (append ? (folded.artifacts[artifactId] ?? '') : '') + textOf(parts)
    }
  }
  return folded
}

export function plain(task: Task): Folded {
  return { state: task.status?.state, artifacts: artifactsOf(task) }
}
