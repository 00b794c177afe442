import { expect, it } from 'vitest'
import { surveyServers } from '../support/survey-server.ts'
import { survey, temporary } from '../surveyor/tree.ts'
import { inChromium } from './in-chromium.ts'
import { agentPage } from './survey-page-agent.ts'
import { watchPage } from './witness.ts'

inChromium('the page asks the agent', newContext => {
  const { directory, tree } = temporary()
  const { serve } = surveyServers()
  const planted = () => tree(Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`d${i}/f${i}.ts`, 'x\n'.repeat(i)])))

  async function open(url: string) {
    const context = await newContext()
    const page = await context.newPage()
    const witness = watchPage(page, url)
    await page.goto(url)
    return { page, witness, agent: agentPage(page) }
  }

  it('shows a question, sends the answer in the same task, and lights the states up to the report', async () => {
    const dir = planted()
    const server = await serve({ dir, data: directory() })
    const { page, agent, witness } = await open(server.url)
    await agent.lit()
    await agent.say('', 'Ask')
    await agent.lit(
      'status.open',
      'status.open.interrupted',
      'status.open.interrupted.inputRequired',
      'work.waiting',
      'work.waiting.parked',
    )
    await page.locator('#question').getByText('Which directory is to be surveyed?').waitFor()
    await agent.say('.', 'Answer')
    await agent.lit('status.open', 'status.open.working', 'work.executing', 'work.executing.running')
    await agent.lit('status.completed', 'work.settled')
    expect(await agent.findings()).toBe((await survey(dir)).findings.length)
    expect(await agent.states()).toEqual(['completed', 'working', 'input-required', 'submitted'])
    await page.locator('#report').getByText('| Files | 40 |').waitFor()
    await page.getByRole('button', { name: 'Ask' }).waitFor()
    witness.assertGood()
  })

  it('cancels a task', async () => {
    const server = await serve({ dir: planted(), data: directory() })
    const { page, agent, witness } = await open(server.url)
    expect(await page.getByRole('button', { name: 'Cancel' }).isDisabled()).toBe(true)
    await agent.say('.', 'Ask')
    await agent.hasFindings(2)
    await page.getByRole('button', { name: 'Cancel' }).click()
    await agent.lit('status.canceled', 'work.settled')
    expect(await agent.findings()).toBeLessThan(40)
    expect(await page.getByRole('button', { name: 'Cancel' }).isDisabled()).toBe(true)
    await agent.say('d1', 'Ask')
    await agent.lit('status.completed', 'work.settled')
    witness.assertGood()
  })

  it('keeps its task when it is loaded again: a question, a survey under way, and its end', async () => {
    const dir = planted()
    const server = await serve({ dir, data: directory() })
    const { page, agent, witness } = await open(server.url)
    await agent.say('', 'Ask')
    await page.locator('#question').getByText('Which directory is to be surveyed?').waitFor()
    await page.reload()
    await page.locator('#question').getByText('Which directory is to be surveyed?').waitFor()
    await agent.say('.', 'Answer')
    await agent.hasFindings(5)
    await page.reload()
    await agent.lit('status.completed', 'work.settled')
    expect(await agent.findings()).toBe((await survey(dir)).findings.length)
    expect(await agent.states()).toEqual(['completed', 'working', 'input-required', 'submitted'])
    await page.reload()
    await agent.lit('status.completed', 'work.settled')
    await page.locator('#report').getByText('| Files | 40 |').waitFor()
    witness.assertGood()
  })

  it('shows nothing of a task that the server knows no more', async () => {
    const server = await serve({ dir: planted(), data: directory() })
    const { page, agent, witness } = await open(server.url)
    await agent.say('', 'Ask')
    await page.locator('#question').getByText('Which directory is to be surveyed?').waitFor()
    await server.end('SIGTERM')
    await serve({ dir: planted(), data: directory(), port: server.port })
    await page.reload()
    await agent.lit()
    await page.getByRole('button', { name: 'Ask' }).waitFor()
    witness.assertGood('CONNECTION_REFUSED', 'INCOMPLETE_CHUNKED_ENCODING')
  })

  it('shows that something outside is rejected', async () => {
    const server = await serve({ dir: planted(), data: directory() })
    const { page, agent, witness } = await open(server.url)
    await agent.say('../..', 'Ask')
    await agent.lit('status.rejected', 'work.settled')
    expect(await page.locator('#told-rows .note').first().innerText()).toContain('Only directories below')
    witness.assertGood()
  })

  it('goes on by itself when the server was killed and is there again, with every finding once', async () => {
    const dir = planted()
    const data = directory()
    const server = await serve({ dir, data })
    const { page, agent, witness } = await open(server.url)
    await agent.say('.', 'Ask')
    await agent.hasFindings(10)
    await server.end('SIGKILL')
    await page.getByRole('alert').getByText('The agent can not be reached.').waitFor()
    await serve({ dir, data, port: server.port })
    await agent.lit('status.completed', 'work.settled')
    expect(await agent.findings()).toBe((await survey(dir)).findings.length)
    expect(await page.locator('#task-attempt').innerText()).toBe('execution 2')
    await page.getByRole('alert').waitFor({ state: 'hidden' })
    witness.assertGood('CONNECTION_REFUSED', 'INCOMPLETE_CHUNKED_ENCODING')
  })

  it('shows foreign names as the text that they are', async () => {
    const hostile = '<img src=x onerror=alert(1)>'
    const dir = tree({ [`a/${hostile}/x.ts`]: 'x\n', [`b/${hostile}/y.ts`]: 'x\n', 'evil\u202etxt/z.ts': '' })
    const server = await serve({ dir, data: directory() })
    const { page, agent, witness } = await open(server.url)
    await agent.say(hostile, 'Ask')
    await page.locator('#question').getByText(`- a/${hostile}`).waitFor()
    await agent.say(`b/${hostile}`, 'Answer')
    await agent.lit('status.completed', 'work.settled')
    expect(await page.locator('#told-rows .note').allTextContents()).toContain(`b/${hostile} is surveyed.`)
    expect(await page.locator('img').count()).toBe(0)
    await agent.say('evil\u202etxt', 'Ask')
    await page.locator('#told-rows .note').getByText('evil\\u{202e}txt is surveyed.').waitFor()
    witness.assertGood()
  })
})
