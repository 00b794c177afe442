import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { type Following, type FollowOptions, follow, type RunEvent } from 'lifechart/client'

// Uses the Next example as its pages do, through one deploy. Put it into a project where the example is built, and run it there:
// it takes what is installed in that project.

const ann = { cookie: 'user=ann' }
const bob = { cookie: 'user=bob' }
const text = 'It is said again word by word to all who come and to those who come back'

async function start() {
  const server = spawn(process.execPath, ['node_modules/next/dist/bin/next', 'start', '-H', '127.0.0.1', '-p', '0'], {
    env: { ...process.env, NEXT_MANUAL_SIG_HANDLE: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  process.once('exit', () => server.kill('SIGKILL'))
  const ended = once(server, 'exit')
  const origin = await new Promise<string>((resolve, reject) => {
    server.once('exit', () => reject(new Error('Next ended before it listened.')))
    createInterface(server.stdout).on('line', line => {
      console.log(line)
      const [, address] = /Local: +(\S+)/.exec(line) ?? []
      if (address) resolve(address)
    })
  })

  const ask = (path: string, headers = ann) => fetch(origin + path, { headers })
  const post = (path: string, body: unknown, headers = ann) =>
    fetch(origin + path, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) })
  return {
    ask,
    post,
    events: (id: string, options: FollowOptions = {}) => follow(`${origin}/runs/${id}/events`, { headers: ann, ...options }),
    async say(id: string, text: string): Promise<string> {
      const response = await post(`/chats/${id}/messages`, { text })
      assert.equal(response.status, 202)
      return ((await response.json()) as { runId: string }).runId
    },
    /** Tells its exit code. */
    async end(): Promise<unknown> {
      server.kill('SIGTERM')
      const [code] = await ended
      return code
    },
  }
}

/** The next events of a run, all of them or as many as are asked for. */
async function take(events: Following, count = Number.POSITIVE_INFINITY): Promise<RunEvent[]> {
  const taken: RunEvent[] = []
  for await (const event of events) if (taken.push(event) === count) break
  return taken
}

const said = (events: RunEvent[]) => events.flatMap(event => (event.type === 'chunk' ? [event.data] : []))

let app = await start()

console.log('One follows a reply to its end; another is cut off in the middle, and goes on behind it.')
await app.say('ann.1', text)
const cutOff = async () => {
  const events = app.events('ann.1')
  const before = await take(events, 4)
  assert.equal(((await (await app.ask('/runs/ann.1')).json()) as { status: string }).status, 'running')
  return [...before, ...(await take(app.events('ann.1', { after: events.cursor })))]
}
const [whole, pieces] = await Promise.all([take(app.events('ann.1')), cutOff()])
assert.equal(said(whole).join(' '), text)
assert.deepEqual(whole.at(-1), { seq: whole.length, type: 'end', status: 'done' })
assert.deepEqual(pieces, whole)

console.log('A reply is stopped.')
const runId = await app.say('ann.2', 'and on '.repeat(1_000))
const beginning = await take(app.events('ann.2'), 3)
const stop = await app.post('/runs/ann.2/stop?wait=1', { runId })
assert.deepEqual([stop.status, await stop.json()], [200, { runId, stopped: true }])
const stopped = await take(app.events('ann.2'))
assert.deepEqual(stopped.slice(0, 3), beginning)
assert.deepEqual(stopped.at(-1), { seq: stopped.length, type: 'end', status: 'stopped', reason: 'user' })

console.log('What does not exist, and what is not his, is nothing to bob.')
const answers = [
  await app.ask('/runs/ann.nobody'),
  await app.ask('/runs/ann.1', bob),
  await app.ask('/runs/ann.1/events', bob),
  await app.post('/runs/ann.1/stop', {}, bob),
]
for (const answer of answers) {
  const { error } = (await answer.json()) as { error: { code: string } }
  assert.deepEqual([answer.status, error.code], [404, 'RUN_NOT_FOUND'])
}
assert.equal((await app.post('/chats/ann.1/messages', { text }, bob)).status, 404)
await assert.rejects(take(app.events('ann.1', { headers: bob })), { status: 404, code: 'RUN_NOT_FOUND' })

console.log('The server is told to end in the middle of a reply: its run is ended, and the next server tells how.')
await app.say('ann.3', 'and on '.repeat(1_000))
const left = new AbortController()
const events = app.events('ann.3', { signal: left.signal, onDisconnect: () => left.abort() })
const told = await take(app.events('ann.3'), 3)
const following = take(events)
assert.equal(await app.end(), 0)
const seen = await following
app = await start()
const all = [...seen, ...(await take(app.events('ann.3', { after: events.cursor })))]
assert.deepEqual(all.slice(0, 3), told)
assert.deepEqual(
  all.map(event => event.type !== 'gap' && event.seq),
  Array.from(all.keys(), n => n + 1),
)
assert.deepEqual(all.at(-1), { seq: all.length, type: 'end', status: 'stopped', reason: 'shutdown' })
assert.equal(await app.end(), 0)
