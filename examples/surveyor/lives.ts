import type { ChildProcess } from 'node:child_process'
import type { RunEvent } from 'lifechart'
import { follow } from 'lifechart/client'
import { type ServerProcess, startServer } from './server-process.ts'
import { isFinding } from './verdict.ts'

export interface Survey {
  /** The directory of the store. */
  store: string
  dir: string
  /** Milliseconds between two findings. */
  pace: number
  /** Numbers of findings, in ascending order: the server is killed when its first client has so many. */
  kills: readonly number[]
  /** The second client is cut off when it has so many findings, and comes again when the first one has two more. */
  cut: number
}

/** Told of what happens. */
export interface Witness {
  /** The first client got it; the server was this process. */
  event(event: RunEvent, pid: number): void
  /** By SIGKILL, behind the last event. */
  killed(pid: number): void
  /** The second client, behind the event of this number; `back` when it goes on there. */
  cutOff(seq: number, back: boolean): void
}

export interface Followed {
  /** Every event that the first client got, as it came. */
  events: RunEvent[]
  /** The same of the second client. */
  second: RunEvent[]
  /** How many kills never came, because the survey was done before. */
  escaped: number
}

let living: ChildProcess | undefined

/** For the end of this process, which the server does not outlive. */
export function killLiving(): void {
  living?.kill('SIGKILL')
}

/** One that does not outlive this process. */
export function startLiving(args: readonly string[]): Promise<ServerProcess> {
  return startServer(args, child => {
    living = child
  })
}

/** Follows a survey to its end over HTTP, with two clients, through as many servers as it takes. */
export async function followSurvey({ store, dir, pace, kills, cut }: Survey, witness: Witness): Promise<Followed> {
  const start = (port: string) => startLiving(['--dir', dir, '--data', store, '--port', port])
  let server = await start('0')
  await begin(server, pace)
  const url = `${server.url}/runs/survey/events`
  const ahead = [...kills]
  const second = new SecondClient(url, cut, witness)
  const events: RunEvent[] = []
  let findings = 0
  for await (const event of follow(url)) {
    events.push(event)
    witness.event(event, server.pid)
    if (isFinding(event)) findings++
    second.others(findings, event.type === 'end')
    // Behind the end there is nothing to be killed.
    if (event.type === 'end' || ahead[0] === undefined || findings < ahead[0]) continue
    ahead.shift()
    await server.end('SIGKILL')
    witness.killed(server.pid)
    server = await start(server.port)
  }
  await second.done
  await server.end('SIGTERM')
  return { events, second: second.events, escaped: ahead.length }
}

async function begin({ url }: ServerProcess, pace: number): Promise<void> {
  const response = await fetch(`${url}/surveys`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ pace }),
  })
  if (response.status !== 201) throw new Error(`The survey could not be started: ${response.status}.`)
}

/** One that loses its connection, and goes on with the cursor that it has. */
class SecondClient {
  readonly events: RunEvent[] = []
  readonly done: Promise<void>
  readonly #cut: number
  #findings = 0
  /** How many the first client has; all there are, when it is at the end. */
  #others = 0
  /** Called when that has changed. */
  #look = () => {}

  constructor(url: string, cut: number, witness: Witness) {
    this.#cut = cut
    this.done = this.#follow(url, witness)
  }

  /** The first client has so many findings, or all of it. */
  others(findings: number, all: boolean): void {
    this.#others = all ? Number.POSITIVE_INFINITY : findings
    this.#look()
  }

  async #follow(url: string, witness: Witness): Promise<void> {
    const cursor = await this.#read(follow(url), this.#cut)
    if (cursor === undefined) return
    const seq = this.events.length
    witness.cutOff(seq, false)
    // The first one may be far ahead, or even done, by now.
    await new Promise<void>(resolve => {
      this.#look = () => this.#others >= this.#findings + 2 && resolve()
      this.#look()
    })
    witness.cutOff(seq, true)
    await this.#read(follow(url, { after: cursor }), Number.POSITIVE_INFINITY)
  }

  /** To the end, or until there are so many findings: then where that was. Leaving the loop closes the connection. */
  async #read(following: ReturnType<typeof follow>, most: number): Promise<string | undefined> {
    for await (const event of following) {
      this.events.push(event)
      if (isFinding(event)) this.#findings++
      if (event.type !== 'end' && this.#findings >= most) return following.cursor
    }
    return undefined
  }
}
