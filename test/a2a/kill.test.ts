import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { StreamResponse, Task } from '@a2a-js/sdk'
import { type Client, ClientFactory, JsonRpcTransportFactory } from '@a2a-js/sdk/client'
import { A2AError } from '@a2a-js/sdk/errors'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { fold, plain, seqOf } from '../tasks/reference.ts'
import { says, state } from '../tasks/support.ts'

const program = fileURLToPath(new URL('../../.build/test/children/task-server.js', import.meta.url))

let dir: string
let child: ChildProcess | undefined
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lifechart-a2a-kill-'))
})
afterEach(() => {
  child?.kill('SIGKILL')
  rmSync(dir, { recursive: true })
})

/** A server over the store, which dies at the given commit, and a client of it. */
async function serve(moment = 'before', at = 0): Promise<{ client: Client; port: string; gone: Promise<unknown> }> {
  const started = spawn(process.execPath, [program, dir, moment, String(at)], { stdio: ['ignore', 'pipe', 'inherit'] })
  child = started
  const gone = new Promise(resolve => started.once('exit', resolve))
  const lines = createInterface({ input: started.stdout })
  const port = await new Promise<string>(resolve => lines.once('line', resolve))
  const factory = new ClientFactory({ transports: [new JsonRpcTransportFactory()] })
  const supportedInterfaces = [{ url: `http://127.0.0.1:${port}/`, protocolBinding: 'JSONRPC', tenant: '', protocolVersion: '1.0' }]
  return { client: await factory.createFromAgentCard({ supportedInterfaces } as never), port, gone }
}

/** What a client sees of a conversation in which the server is killed once: it sends again what was not answered, and follows again. */
class Conversation {
  readonly seen = new Map<number, StreamResponse>()
  readonly #moment: string
  readonly #at: number
  #server: Awaited<ReturnType<typeof serve>> | undefined
  taskId = ''
  deaths = 0

  constructor(moment: string, at: number) {
    this.#moment = moment
    this.#at = at
  }

  /** Follows the stream until it ends. What was sent is known to a server that died, or it is not: sent again, it is there once. */
  async follow(open: (client: Client) => AsyncGenerator<StreamResponse>): Promise<void> {
    for (;;) {
      this.#server ??= this.deaths === 0 ? await serve(this.#moment, this.#at) : await serve()
      const { client, gone } = this.#server
      try {
        for await (const event of open(client)) {
          this.#take(event)
          if (event.payload?.$case === 'statusUpdate' && event.payload.value.status?.state === state.TASK_STATE_INPUT_REQUIRED) return
        }
        return
      } catch (error) {
        // A server that answers is alive; a connection that was cut is seen before the end of its process.
        if (error instanceof A2AError) throw error
        await gone
        if (child?.signalCode !== 'SIGKILL') throw error
        this.deaths++
        this.#server = undefined
      }
    }
  }

  #take(event: StreamResponse): void {
    const { payload } = event
    if (payload?.$case === 'task') {
      this.taskId = payload.value.id
      const { artifacts } = fold([...this.seen.values()])
      // A snapshot is never behind what was seen before.
      for (const [id, text] of Object.entries(artifacts)) expect(plain(payload.value).artifacts[id]?.startsWith(text)).toBe(true)
      for (const seq of this.seen.keys())
        if (seq > seqOf(event)) throw new Error(`${seq} was seen, and the snapshot is as of ${seqOf(event)}.`)
      this.seen.clear()
    } else expect(this.seen.has(seqOf(event)), 'nothing comes twice').toBe(false)
    this.seen.set(seqOf(event), event)
  }

  get task(): Promise<Task> {
    return (this.#server as Awaited<ReturnType<typeof serve>>).client.getTask({ id: this.taskId, tenant: '', historyLength: undefined })
  }

  async commits(): Promise<number> {
    return (await fetch(`http://127.0.0.1:${this.#server?.port}/commits`)).json()
  }
}

async function converse(moment = 'before', at = 0): Promise<Conversation> {
  const conversation = new Conversation(moment, at)
  const request = (text: string, more = {}) => ({
    ...says(text, { messageId: randomUUID(), ...more }),
    tenant: '',
    configuration: undefined,
    metadata: undefined,
  })
  const first = request('count')
  await conversation.follow(client => client.sendMessageStream(first))
  const second = request('go on', { taskId: conversation.taskId })
  await conversation.follow(client => client.sendMessageStream(second))
  return conversation
}

it('a server that is killed between any two commits of a conversation goes on with it exactly', { timeout: 300_000 }, async () => {
  expect(existsSync(program), 'npm run build comes first').toBe(true)
  const undisturbed = await converse()
  const commits = await undisturbed.commits()
  const expected = plain(await undisturbed.task)
  expect(expected).toEqual({ state: state.TASK_STATE_COMPLETED, artifacts: { count: '1 2 3 4 5 6 ' } })
  // The steps alone: two beginnings, two ends, and what is between them.
  expect(commits).toBeGreaterThanOrEqual(8)
  let deaths = 0
  for (let at = 1; at <= commits; at++) {
    for (const moment of ['before', 'after']) {
      child?.kill('SIGKILL')
      rmSync(dir, { recursive: true })
      const conversation = await converse(moment, at)
      const task = await conversation.task
      expect(plain(task), `${moment} commit ${at}`).toEqual(expected)
      expect(fold([...conversation.seen.values()]), `${moment} commit ${at}: as the client sees it`).toEqual(expected)
      expect(task.history.filter(({ role }) => role === 1)).toHaveLength(2)
      deaths += conversation.deaths
    }
  }
  // At the commits of its opening it dies before it is asked anything, and behind the last one it is asked nothing any more.
  expect(deaths).toBeGreaterThan(commits)
})
