/** What the agent streams, as JSON (A2A 1.0, section 5.5). */
export interface Told {
  task?: { id: string; contextId: string; status: Status; artifacts?: Artifact[]; metadata?: Metadata }
  statusUpdate?: { taskId: string; contextId: string; status: Status; metadata?: Metadata }
  artifactUpdate?: { artifact: Artifact; append?: boolean; metadata?: Metadata }
}

interface Status {
  state: string
  message?: { parts?: Part[] }
}

interface Artifact {
  artifactId: string
  parts?: Part[]
}

interface Part {
  text?: string
}

type Metadata = Record<string, unknown>

/** All that is shown of a task of the agent. */
export interface Asked {
  taskId: string
  contextId: string
  /** As in the protocol, without what all of them begin with: `working`, `input-required`. */
  state: string
  attempt: number
  /** What the agent asks; undefined when it does not. */
  question?: string
  findings: number
  report: string
  /** Newest first. */
  rows: { what: string; note: string }[]
}

/** Rows that are kept. */
const mostRows = 50

export const unasked: Asked = { taskId: '', contextId: '', state: '', attempt: 1, findings: 0, report: '', rows: [] }

/** With one more event. */
export function take(asked: Asked, { task, statusUpdate, artifactUpdate }: Told): Asked {
  if (task) {
    const { id, contextId, status, artifacts = [], metadata } = task
    const fresh = { ...asked, taskId: id, contextId, findings: 0, report: '' }
    return artifacts.reduce((taken, artifact) => withArtifact(taken, artifact, false), withStatus(attempted(fresh, metadata), status))
  }
  if (statusUpdate) {
    const { taskId, contextId, status, metadata } = statusUpdate
    return withStatus(attempted({ ...asked, taskId, contextId }, metadata), status)
  }
  if (artifactUpdate) {
    const { artifact, append = false, metadata } = artifactUpdate
    return withArtifact(attempted(asked, metadata), artifact, append)
  }
  return asked
}

function attempted(asked: Asked, metadata: Metadata = {}): Asked {
  const attempt = metadata['lifechart/attempt']
  return typeof attempt === 'number' ? { ...asked, attempt } : asked
}

function withStatus({ question, ...asked }: Asked, { state: given, message }: Status): Asked {
  const state = given.replace('TASK_STATE_', '').toLowerCase().replace('_', '-')
  const said = textOf(message?.parts)
  const [newest] = asked.rows
  const isNew = state !== newest?.what || (said !== '' && said !== newest.note)
  const rows = isNew ? [{ what: state, note: said }, ...asked.rows].slice(0, mostRows) : asked.rows
  return { ...asked, state, rows, ...(state === 'input-required' && { question: said }) }
}

function withArtifact(asked: Asked, { artifactId, parts = [] }: Artifact, append: boolean): Asked {
  if (artifactId === 'report') return { ...asked, report: textOf(parts) }
  return { ...asked, findings: (append ? asked.findings : 0) + parts.length }
}

const textOf = (parts: Part[] = []) => parts.map(({ text = '' }) => text).join('')

export const isOver = ({ state }: Asked) => ['completed', 'failed', 'canceled', 'rejected'].includes(state)

export const mayBeCancelled = (asked: Asked) => asked.state !== '' && !isOver(asked)

/** The paths of the states in the chart. A client is told the status; who is doing the work follows from it, for this agent. */
export function pathsOf(asked: Asked): string[] {
  const { state } = asked
  if (state === '') return []
  if (isOver(asked)) return [`status.${state}`, 'work.settled']
  if (state === 'input-required') return ['status.open.interrupted.inputRequired', 'work.waiting.parked']
  return [`status.open.${state}`, 'work.executing.running']
}
