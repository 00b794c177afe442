import type { RunEvent } from 'lifechart/client'
import type { Finding } from '../surveyor.ts'
import type { Announcement } from '../surveys.ts'

export type Status = 'waiting' | 'running' | 'stopping' | 'done' | 'error' | 'stopped'

/** One line of the list of events. */
export interface Row {
  seq: number
  kind: 'state' | 'finding' | 'problem'
  what: string
  note: string
}

/** All that is shown of a survey: what its events up to a number come to. It is JSON, so that a page that is loaded again goes on with it. */
export interface Shown {
  runId: string
  /** The number of the last event that is part of this. */
  seq: number
  status: Status
  attempt: number
  /** What is surveyed; undefined until that is known. */
  surveys?: string
  /** The directory of the last finding. */
  here?: string
  findings: number
  files: number
  lines: number
  bytes: number
  kinds: { name: string; count: number; lines: number }[]
  /** Newest first. */
  rows: Row[]
}

/** Rows that are kept. */
export const mostRows = 200

export function unseen(runId: string): Shown {
  return { runId, seq: 0, status: 'waiting', attempt: 1, findings: 0, files: 0, lines: 0, bytes: 0, kinds: [], rows: [] }
}

/** With one more event. */
export function fold(shown: Shown, event: RunEvent): Shown {
  if (event.type === 'gap') {
    const missing = row(event.to, 'problem', `events ${event.from} to ${event.to}`, 'no longer kept')
    return { ...shown, seq: event.to, rows: newest([missing], shown) }
  }
  const { seq } = event
  if (event.type === 'state') {
    const attempt = event.attempt ?? shown.attempt
    const note = event.attempt === undefined ? '' : `attempt ${attempt}, by another process`
    return { ...shown, seq, status: event.state, attempt, rows: newest([row(seq, 'state', event.state, note)], shown) }
  }
  if (event.type === 'end') {
    const { status, error, reason } = event
    return { ...shown, seq, status, rows: newest([row(seq, error ? 'problem' : 'state', status, error?.code ?? reason ?? '')], shown) }
  }
  const data = event.data as Finding | Announcement
  if ('surveys' in data) {
    const { surveys } = data
    return { ...shown, seq, surveys, rows: newest([row(seq, 'state', 'begins', surveys || 'all of it')], shown) }
  }
  const { files, lines, bytes, kinds } = data.totals
  const rows = newest(rowsOf(seq, data), shown)
  return { ...shown, seq, here: data.directory, findings: shown.findings + 1, files, lines, bytes, kinds, rows }
}

/** A finding without files and problems is not worth a row. */
function rowsOf(seq: number, { directory, files, lines, longest, problems }: Finding): Row[] {
  const refused = problems.map(({ path, why }) => row(seq, 'problem', path, `not read: ${why}`)).reverse()
  if (files === 0) return refused
  const most = longest ? ` · ${longest.path.slice(longest.path.lastIndexOf('/') + 1)} ${counted(longest.lines)}` : ''
  const note = `${countedOf(files, 'file')}, ${countedOf(lines, 'line')}${most}`
  return [...refused, row(seq, 'finding', directory || '.', note)]
}

const row = (seq: number, kind: Row['kind'], what: string, note: string): Row => ({ seq, kind, what, note })

const newest = (rows: Row[], shown: Shown) => [...rows, ...shown.rows].slice(0, mostRows)

export const counted = (count: number) => count.toLocaleString('en-US')

const countedOf = (count: number, what: string) => `${counted(count)} ${what}${count === 1 ? '' : 's'}`

export const isLive = (status: Status) => status === 'running' || status === 'waiting' || status === 'stopping'

export const mayBeStopped = ({ status }: Shown) => status === 'running' || status === 'waiting'

/** The path of the state in the chart. */
export function pathOf(status: Status): string {
  return status === 'running' || status === 'stopping' ? `executing.${status}` : status
}
