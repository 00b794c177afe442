import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { TaskState } from '@a2a-js/sdk'
import { type A2ARequestHandler, ServerCallContext } from '@a2a-js/sdk/server'
import { describe, expect, it } from 'vitest'
import { mostFindings, surveyAgent, surveyPolicy } from '../../examples/surveyor/agent.ts'
import { agentCard } from '../../examples/surveyor/card.ts'
import { says, textIn } from '../../examples/surveyor/told.ts'
import { a2aRequestHandler } from '../../src/a2a/index.ts'
import { freshRuntimes, type Runtime } from '../support/runtimes.ts'
import { findingsOf, taskIn, toldBy } from './conversation.ts'
import { plant, survey, temporary, variedTree } from './tree.ts'

const { tree } = temporary()
const runtimes = freshRuntimes()
const nobody = () => new ServerCallContext({})

const agentOf = ({ lifechart }: Runtime, root: string): A2ARequestHandler =>
  a2aRequestHandler({
    lifechart,
    executor: surveyAgent(root),
    agentCard: agentCard({ url: 'http://127.0.0.1:1', grpc: '127.0.0.1:2' }),
    policy: surveyPolicy,
  })

async function ask(handler: A2ARequestHandler, text: string, more = {}) {
  const task = taskIn(await handler.sendMessage(says(text, more), nobody()))
  return { task, state: TaskState[task.status?.state ?? 0], said: textIn(task.status?.message?.parts) }
}

async function asked(root: string, text: string) {
  const { state, said } = await ask(agentOf(await runtimes().open(), root), text)
  return { state: state?.slice('TASK_STATE_'.length), said }
}

const files = {
  'a.ts': 'x\n',
  'sub/b.ts': 'y\n',
  'sub/deep/c.ts': 'z\n',
  'one/only/d.ts': 'z\n',
  'one/twice/e.ts': 'z\n',
  'two/twice/f.ts': 'z\n',
  'node_modules/twice/g.ts': 'z\n',
  'dist/made.js': 'x\n',
}

describe('the agent that surveys', () => {
  it('tells what it finds in chunks, and reports', async () => {
    const root = tree(variedTree)
    const handler = agentOf(await runtimes().open(), root)
    const told = await toldBy(handler.sendMessageStream(says('.'), nobody()))
    const { findings, report } = await survey(root)
    expect(told.findings).toEqual(toldOnly(findings))
    expect(told.states).toEqual(['SUBMITTED', 'WORKING', 'WORKING', 'COMPLETED'])
    expect(told.progress).toEqual([expect.objectContaining({ findings: 10 })])
    expect(told.appended).toEqual(findings.map((_, i) => i > 0))
    expect(told.report).toContain(`| Files | ${report?.files} |`)
    expect(told.report).toContain(`| Bytes | ${report?.bytes.toLocaleString('en-US')} |`)
    expect(told.report).toContain('| Marks | 1 |')
    expect(told.report).toContain('- a.ts:2: ')
  })

  it('tells of no more findings than it says, and reports them all', async () => {
    const root = tree(Object.fromEntries(Array.from({ length: mostFindings + 4 }, (_, i) => [`d${i}/`, ''])))
    const { task, state } = await ask(agentOf(await runtimes().open(), root), '.')
    expect(state).toBe('TASK_STATE_COMPLETED')
    expect(findingsOf(task)).toHaveLength(mostFindings)
    const report = textIn(task.artifacts.find(({ artifactId }) => artifactId === 'report')?.parts)
    expect(report).toContain('| Directories | 1,005 |')
    expect(report).toContain('The last 5 findings are counted here, and not told one by one.')
  })

  it.each(['sub', ' sub\n', './sub', 'sub/', 'sub/deep/..', 'one/../sub'])('surveys the directory that is named by %j', async text => {
    const root = tree(files)
    const { task, state } = await ask(agentOf(await runtimes().open(), root), text)
    expect(state).toBe('TASK_STATE_COMPLETED')
    expect(findingsOf(task)).toEqual(toldOnly((await survey(join(root, 'sub'))).findings))
  })

  it('takes an absolute path below its directory, and a link that stays below', async () => {
    const root = tree(files)
    symlinkSync(join(root, 'sub'), join(root, 'within'))
    const handler = agentOf(await runtimes().open(), root)
    const expected = toldOnly((await survey(join(root, 'sub'))).findings)
    expect(findingsOf((await ask(handler, join(root, 'sub'))).task)).toEqual(expected)
    expect(findingsOf((await ask(handler, 'within')).task)).toEqual(expected)
  })

  it('finds a directory by its name alone where there is one of it', async () => {
    const root = tree(files)
    const { task } = await ask(agentOf(await runtimes().open(), root), 'only')
    expect(findingsOf(task)).toEqual(toldOnly((await survey(join(root, 'one/only'))).findings))
  })

  it('asks which one is meant where a name fits several, and goes on in the same task with the answer', async () => {
    const root = tree(files)
    const handler = agentOf(await runtimes().open(), root)
    const { task, state, said } = await ask(handler, 'twice')
    expect({ state, said }).toEqual({ state: 'TASK_STATE_INPUT_REQUIRED', said: 'Which twice is meant?\n- one/twice\n- two/twice' })
    const answered = await ask(handler, 'two/twice', { taskId: task.id, contextId: task.contextId })
    expect(answered.state).toBe('TASK_STATE_COMPLETED')
    expect(answered.task.id).toBe(task.id)
    expect(findingsOf(answered.task)).toEqual(toldOnly((await survey(join(root, 'two/twice'))).findings))
  })

  it('lists ten candidates, and says that there are more', async () => {
    const root = tree(Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`d${i}/same/`, ''])))
    const { said } = await asked(root, 'same')
    expect(said.match(/^- /gm)).toHaveLength(10)
    expect(said).toMatch(/There are more\.$/)
    plant(root, { 'same/': '' })
    expect((await ask(agentOf(await runtimes().open(), root), 'same')).state).toBe('TASK_STATE_COMPLETED')
  })

  it.each([
    ['', 'Which directory is to be surveyed?'],
    [' \n', 'Which directory is to be surveyed?'],
    ['missing', 'There is no directory missing.'],
    ['sub/missing', 'There is no directory sub/missing.'],
    ['a\0b', 'There is no directory a\\u{0}b.'],
    ['a.ts/x', 'There is no directory a.ts/x.'],
    ['x'.repeat(10_000), 'That is too long'],
    ['x'.repeat(4_000), 'There is no directory xxx'],
    ['a.ts', 'a.ts is no directory.'],
    ['one/twice/e.ts', 'one/twice/e.ts is no directory.'],
  ])('asks for a directory where none is named: %#', async (text, question) => {
    const { state, said } = await asked(tree(files), text)
    expect({ state, said }).toEqual({ state: 'INPUT_REQUIRED', said: expect.stringContaining(question) })
    expect(said.length).toBeLessThan(400)
  })

  it('asks for a directory when a message has no text', async () => {
    const handler = agentOf(await runtimes().open(), tree(files))
    const part = { content: { $case: 'data' as const, value: { directory: 'sub' } }, metadata: undefined, filename: '', mediaType: '' }
    expect((await ask(handler, '', { parts: [part] })).state).toBe('TASK_STATE_INPUT_REQUIRED')
  })

  it('rejects whatever is outside of its directory, whether it is there or not', async () => {
    const root = tree(files)
    const outside = tree({ 'there/secret.txt': 'x\n' })
    symlinkSync(outside, join(root, 'out'))
    symlinkSync(join(outside, 'missing'), join(root, 'dangling'))
    const handler = agentOf(await runtimes().open(), root)
    const named = ['..', '../', '../..', 'sub/../..', '../missing', '/', '/etc', outside, join(outside, 'missing'), `${root}x`]
    for (const text of [...named, 'out', 'out/there', 'out/missing', 'out/there/secret.txt', 'dangling', 'dangling/x', 'out/a\0b']) {
      const { state, task } = await ask(handler, text)
      expect([text, state, task.artifacts]).toEqual([text, 'TASK_STATE_REJECTED', []])
    }
  })

  it('rejects directories that no survey enters', async () => {
    expect((await asked(tree(files), 'node_modules/twice')).state).toBe('REJECTED')
    expect((await asked(tree(files), 'dist')).state).toBe('REJECTED')
  })

  it('stops at once when its task is cancelled', async () => {
    const root = tree(files)
    const handler = agentOf(await runtimes().open(), root)
    const stream = handler.sendMessageStream(says('.', { metadata: { pace: 10_000 } }), nobody())
    const { taskId } = await firstFinding(stream)
    const cancelled = await handler.cancelTask({ tenant: '', id: taskId, metadata: undefined }, nobody())
    expect(TaskState[cancelled.status?.state ?? 0]).toBe('TASK_STATE_CANCELED')
    expect(findingsOf(cancelled)).toHaveLength(1)
    const rest = await toldBy(stream)
    expect(rest.states).toEqual(['CANCELED'])
    expect(rest.findings).toEqual([])
  })

  it('tells no finding twice when the process dies behind any of them', async () => {
    const root = tree(variedTree)
    const { findings } = await survey(root)
    for (let last = 1; last <= findings.length; last += 5) {
      const first = await runtimes().open()
      const stream = agentOf(first, root).sendMessageStream(says('.', { metadata: { pace: 1 } }), nobody())
      const { taskId } = await firstFinding(stream, last)
      runtimes().crash(first)
      const second = await runtimes().open()
      const handler = agentOf(second, root)
      const rest = handler.resubscribe({ tenant: '', id: taskId }, nobody())
      const told = toldBy(rest)
      // The session of the dead lapses.
      await runtimes().clock.advance(60_000)
      expect((await told).findings).toEqual(toldOnly(findings))
      const task = await handler.getTask({ tenant: '', id: taskId }, nobody())
      expect(findingsOf(task)).toEqual(toldOnly(findings))
      expect(task.artifacts.map(({ artifactId }) => artifactId)).toEqual(['findings', 'report'])
      second.lifechart.kernel.crash()
    }
  })

  it('rejects in a later execution what is outside by then', async () => {
    const root = tree(files)
    const first = await runtimes().open()
    const stream = agentOf(first, root).sendMessageStream(says('sub', { metadata: { pace: 10_000 } }), nobody())
    const { taskId } = await firstFinding(stream)
    runtimes().crash(first)
    const second = await runtimes().open()
    // The next server may survey another directory only, where the name leads out.
    const other = tree({ 'x.ts': 'x\n' })
    symlinkSync(join(root, 'sub'), join(other, 'sub'))
    const handler = agentOf(second, other)
    const told = toldBy(handler.resubscribe({ tenant: '', id: taskId }, nobody()))
    await runtimes().clock.advance(60_000)
    expect((await told).states.at(-1)).toBe('REJECTED')
  })
})

/** The findings as they are told. */
function toldOnly(findings: Awaited<ReturnType<typeof survey>>['findings']) {
  return findings.map(({ totals, place, ...found }) => found)
}

/** Reads a stream up to its first finding, or the one of that number. */
async function firstFinding(stream: ReturnType<A2ARequestHandler['sendMessageStream']>, number = 1): Promise<{ taskId: string }> {
  let seen = 0
  for (;;) {
    const { value, done } = await stream.next()
    if (done) throw new Error(`The stream ended behind ${seen} findings.`)
    if (value.payload?.$case === 'artifactUpdate' && ++seen === number) return { taskId: value.payload.value.taskId }
  }
}
