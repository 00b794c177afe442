import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { RunEvent } from 'lifechart'
import { printable } from './printable.ts'
import type { Assignment } from './worker.ts'

export interface Survey extends Omit<Assignment, 'after'> {
  /** Numbers of findings, in ascending order: the process that has told so many is killed. */
  kills: readonly number[]
}

export interface Witness {
  event(event: RunEvent, pid: number): void
  /** By SIGKILL, behind the last event. */
  killed(pid: number): void
}

/** The program of the process; built beside this one. */
const worker = new URL('worker.js', import.meta.url)

let living: ChildProcess | undefined

/** For the end of this process, which the other one does not outlive. */
export function killLiving(): void {
  living?.kill('SIGKILL')
}

export interface Followed {
  /** Every event that was told, as it came. */
  events: RunEvent[]
  /** How many kills never came, because the survey was done before. */
  escaped: number
}

/** Follows a survey to its end through as many processes as it takes. */
export async function followSurvey({ kills, ...survey }: Survey, witness: Witness): Promise<Followed> {
  const events: RunEvent[] = []
  const ahead = [...kills]
  while (events.at(-1)?.type !== 'end') {
    const last = events.at(-1)
    const after = last && 'seq' in last ? last.seq : 0
    if (await live({ ...survey, after }, ahead[0], events, witness)) ahead.shift()
  }
  return { events, escaped: ahead.length }
}

/** One process, until it ends; true if it was killed. */
async function live(assignment: Assignment, killAt: number | undefined, events: RunEvent[], witness: Witness): Promise<boolean> {
  const child = fork(worker, [JSON.stringify(assignment)], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  const pid = child.pid ?? 0
  const complaints: string[] = []
  let findings = events.filter(({ type }) => type === 'chunk').length
  let killed = false
  living = child
  child.stderr?.setEncoding('utf8').on('data', (text: string) => complaints.push(text))
  child.on('message', message => {
    const event = message as RunEvent
    events.push(event)
    witness.event(event, pid)
    if (event.type === 'chunk') findings++
    if (!killed && killAt !== undefined && findings >= killAt) killed = child.kill('SIGKILL')
  })
  // What it said before it died is still on its way when it is dead: that was seen, too.
  const [[code, signal]] = await Promise.all([once(child, 'exit'), once(child, 'disconnect')])
  living = undefined
  if (signal === 'SIGKILL' && killed) {
    witness.killed(pid)
    return true
  }
  if (code === 0 && events.at(-1)?.type === 'end') return false
  const complaint = complaints.join('').split('\n').map(printable).join('\n')
  throw new Error(`The process ${pid} ended before the survey did: ${signal ?? `code ${code}`}.\n${complaint}`)
}
