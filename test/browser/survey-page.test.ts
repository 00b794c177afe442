import type { BrowserContext } from 'playwright-core'
import { expect, it } from 'vitest'
import { type SurveyServer, surveyServers } from '../support/survey-server.ts'
import { survey, temporary } from '../surveyor/tree.ts'
import { contrastsOf } from './contrast.ts'
import { inChromium } from './in-chromium.ts'
import { relayTo } from './relay.ts'
import { surveyPage } from './survey-page.ts'
import { watchPage } from './witness.ts'

inChromium('the page of the surveyor', newContext => {
  const { directory, tree } = temporary()
  const { serve } = surveyServers()

  /** One event for each directory: what is listed is dense. */
  const files = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`d${String(i).padStart(2, '0')}/f${i}.ts`, `import 'p${i}'\n`.repeat(i + 1)]),
  )
  const planted = () => tree({ 'first.ts': 'x\n', ...files })

  /** What is shown of a survey that nobody disturbed. */
  async function undisturbed(dir: string) {
    const { findings, report } = await survey(dir)
    return { files: report?.files, lines: report?.lines, bytes: report?.bytes, findings: findings.length }
  }

  async function open(url: string, given?: BrowserContext) {
    const context = given ?? (await newContext())
    const page = await context.newPage()
    const witness = watchPage(page, url)
    await page.goto(url)
    return { context, page, witness, view: surveyPage(page) }
  }

  const statusOf = async ({ url }: SurveyServer) =>
    (await (await fetch(`${url}/runs/survey`)).json()) as { status: string; attempt: number; head: number; end?: { reason?: string } }

  /** Every event of the run, newest first. */
  const dense = (head: number) => Array.from({ length: head }, (_, i) => head - i)

  it('shows a survey from its start to its end, and lights the state that it is in', async () => {
    const dir = planted()
    const server = await serve({ dir, data: directory() })
    const { page, view, witness } = await open(server.url)
    await view.connection('not started')
    await view.lit()
    await view.start({ pace: 15 })
    await view.lit('executing', 'executing.running')
    await view.connection('connected')
    await view.lit('done')
    await view.connection('ended')
    expect(await view.numbers()).toEqual(await undisturbed(dir))
    expect(await view.listed()).toEqual(dense((await statusOf(server)).head))
    expect(await page.locator('#attempt').isHidden()).toBe(true)
    witness.assertGood()
  })

  it('goes on with what it showed when it is loaded again in the middle', async () => {
    const dir = planted()
    const server = await serve({ dir, data: directory() })
    const { page, view, witness } = await open(server.url)
    await view.start({ pace: 50 })
    await view.findings(10)
    const seen = page.waitForRequest(/\/events/)
    await page.reload()
    expect(Number(new URL((await seen).url()).searchParams.get('after')?.split(':')[1])).toBeGreaterThan(10)
    await view.findings(10)
    expect((await statusOf(server)).status).toBe('running')
    await view.lit('done')
    expect(await view.numbers()).toEqual(await undisturbed(dir))
    expect(await view.listed()).toEqual(dense((await statusOf(server)).head))
    witness.assertGood()
  })

  it('shows the same in a second tab and in another browser, whoever starts the next survey', async () => {
    const dir = planted()
    const server = await serve({ dir, data: directory() })
    const first = await open(server.url)
    await first.view.start({ pace: 50 })
    await first.view.findings(5)
    const second = await open(server.url, first.context)
    await second.view.findings(5)
    await second.view.start({ directory: 'd07', pace: 5 })
    const other = await open(server.url)
    const all = [first, second, other]
    const assertShown = async (directory: string) => {
      const expected = await undisturbed(`${dir}/${directory}`)
      for (const { page, view, witness } of all) {
        await page.locator('#place').getByText(`Surveyed ${directory}`, { exact: true }).waitFor()
        await view.lit('done')
        expect(await view.numbers()).toEqual(expected)
        witness.assertGood()
      }
    }
    await assertShown('d07')

    await second.view.start({ directory: 'd08', pace: 5 })
    await first.page.locator('#place').getByText('Surveyed d08', { exact: true }).waitFor()
    // Nobody tells another browser; it looks when it is looked at.
    await other.page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
    await assertShown('d08')
  })

  it('goes on by itself when the network was away', async () => {
    const dir = planted()
    const server = await serve({ dir, data: directory() })
    const wire = await relayTo(server.port)
    const { context, view, witness } = await open(wire.url)
    await view.start({ pace: 50 })
    await view.findings(5)
    await context.setOffline(true)
    wire.cut()
    await view.connection('reconnecting')
    await context.setOffline(false)
    await view.lit('done')
    await view.connection('ended')
    expect(await view.numbers()).toEqual(await undisturbed(dir))
    expect(await view.listed()).toEqual(dense((await statusOf(server)).head))
    witness.assertGood('INTERNET_DISCONNECTED')
  })

  it.each(['SIGKILL', 'SIGTERM'] as const)('goes on by itself when the server ended by %s and is there again', async signal => {
    const dir = planted()
    const data = directory()
    const server = await serve({ dir, data })
    const { view, witness } = await open(server.url)
    await view.start({ pace: 50 })
    await view.findings(5)
    expect(await server.end(signal)).toBe(signal === 'SIGTERM' ? 0 : null)
    await view.connection('reconnecting')
    const again = await serve({ dir, data, port: server.port })
    await view.lit('done')
    await view.connection('ended')
    expect(await view.text('attempt')).toBe('attempt 2')
    expect(await view.numbers()).toEqual(await undisturbed(dir))
    const { head, attempt } = await statusOf(again)
    expect(await view.listed()).toEqual(dense(head))
    expect(attempt).toBe(2)
    witness.assertGood('CONNECTION_REFUSED')
  })

  it('stops a survey for good', async () => {
    const server = await serve({ dir: planted(), data: directory() })
    const { page, view, witness } = await open(server.url)
    await view.start({ pace: 10_000 })
    await view.findings(1)
    await view.stop()
    await view.lit('stopped')
    await view.connection('ended')
    expect(await page.getByRole('button', { name: 'Stop' }).isDisabled()).toBe(true)
    expect(await statusOf(server)).toMatchObject({ status: 'stopped', end: { reason: 'user' } })
    expect(await page.locator('#rows .what').allTextContents()).toEqual(['stopped', 'stopping', '.', 'begins', 'running'])
    witness.assertGood()
  })

  it('leaves the keyboard where it is when a survey is stopped with it', async () => {
    const server = await serve({ dir: planted(), data: directory() })
    const { page, view, witness } = await open(server.url)
    await view.start({ pace: 10_000 })
    await view.findings(1)
    await page.locator('#stop').press('Enter')
    await view.lit('stopped')
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('stop')
    witness.assertGood()
  })

  it('no longer says that the server can not be reached when it can', async () => {
    const dir = planted()
    const data = directory()
    const server = await serve({ dir, data })
    const { page, view } = await open(server.url)
    await view.start({ pace: 10_000 })
    await view.findings(1)
    await server.end('SIGKILL')
    await view.connection('reconnecting')
    await view.stop()
    await page.getByRole('alert').getByText('The server can not be reached').waitFor()
    await serve({ dir, data, port: server.port })
    await view.connection('connected')
    await page.getByRole('alert').waitFor({ state: 'hidden' })
  })

  it('says so when something else than the server answers', async () => {
    const server = await serve({ dir: planted(), data: directory() })
    const { page, view } = await open(server.url)
    await page.route('**/surveys', route => route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' }))
    await view.start({ pace: 0 })
    await page.getByRole('alert').getByText('The server can not be reached').waitFor()
  })

  it('does without a memory where the browser gives it none', async () => {
    const server = await serve({ dir: planted(), data: directory() })
    const context = await newContext()
    await context.addInitScript(() => {
      Object.defineProperty(window, 'sessionStorage', {
        get() {
          throw new DOMException('Denied.', 'SecurityError')
        },
      })
    })
    const { page, view, witness } = await open(server.url, context)
    await view.start({ pace: 15 })
    await view.findings(5)
    await page.reload()
    await view.lit('done')
    witness.assertGood()
  })

  it.each(['light', 'dark'] as const)(
    'can be read in the %s: the state has a contrast of 4.5 at least, the fields of 3',
    async colorScheme => {
      const server = await serve({ dir: planted(), data: directory() })
      const { page } = await open(server.url)
      await page.emulateMedia({ colorScheme })
      for (const status of ['running', 'stopping', 'done', 'error']) {
        const { word, field } = await page.evaluate(contrastsOf, status)
        expect(word, status).toBeGreaterThanOrEqual(4.5)
        expect(field).toBeGreaterThanOrEqual(3)
      }
    },
  )

  it('shows foreign names as the text that they are', async () => {
    const hostile = '<img src=x onerror=alert(1)>'
    const dir = tree({ [`${hostile}.ts`]: 'x\n', [`${hostile}/b.${hostile}`]: 'y\n' })
    const server = await serve({ dir, data: directory() })
    const { page, view, witness } = await open(server.url)
    await view.start({ directory: hostile, pace: 0 })
    await view.lit('done')
    expect(await view.text('place')).toBe(`Surveyed ${hostile}`)
    await view.start({ pace: 0 })
    await page.locator('#rows .what').getByText(hostile, { exact: true }).waitFor()
    await view.lit('done')
    expect(await page.locator('#rows .note').allTextContents()).toContainEqual(expect.stringContaining(`${hostile}.ts`))
    expect(await page.locator('img').count()).toBe(0)
    witness.assertGood()
  })

  it('shows names in the order of their characters', async () => {
    const dir = tree({ 'evil\u202etxt.ts': 'x\n' })
    const server = await serve({ dir, data: directory() })
    const { page, view } = await open(server.url)
    await view.start({ pace: 0 })
    await view.lit('done')
    expect(await page.locator('#rows .note').allTextContents()).toContainEqual(expect.stringContaining('evil\ufffdtxt.ts'))
    expect(await view.text('count')).toMatch(/^\d+ in all$/)
  })

  it('says what the server refuses', async () => {
    const server = await serve({ dir: planted(), data: directory() })
    const { page, view } = await open(server.url)
    await view.start({ directory: '../..', pace: 0 })
    await page.getByRole('alert').getByText('Only directories below').waitFor()
    await view.start({ directory: 'd01', pace: 0 })
    await view.lit('done')
    expect(await page.getByRole('alert').count()).toBe(0)
  })
})
