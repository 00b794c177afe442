import { mkdirSync, realpathSync, symlinkSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readOptions } from '../../examples/surveyor/options.ts'
import { type SurveyServer, surveyServers } from '../support/survey-server.ts'
import { survey, temporary } from './tree.ts'

const { directory, tree } = temporary()
const { serve, fail } = surveyServers()
const json = { 'content-type': 'application/json' }

const files = { 'a.ts': 'x\n', 'sub/b.ts': "import 'c'\ny\n", 'sub/deep/c.ts': 'z\n', 'dist/made.js': 'x\n', '.data/other': 'x\n' }

const post = async ({ url }: SurveyServer, body: string, headers: Record<string, string> = json) => {
  const response = await fetch(`${url}/surveys`, { method: 'POST', body, headers })
  return { status: response.status, answer: (await response.json()) as { id?: string; runId?: string; error?: { code: string } } }
}

describe('the start of a survey over HTTP', () => {
  it('is answered with the run, which can be followed to its report', async () => {
    const dir = tree(files)
    const server = await serve({ dir, data: directory() })
    expect(await (await fetch(`${server.url}/surveys`)).json()).toEqual({ surveys: [] })

    const { status, answer } = await post(server, '{"directory":"sub"}')
    expect({ status, answer }).toEqual({ status: 201, answer: { id: 'survey', runId: expect.any(String) } })
    const events = await (await fetch(`${server.url}/runs/survey/events?runId=${answer.runId}`)).text()
    const end = JSON.parse(/event: end\ndata: (.*)/.exec(events)?.[1] ?? 'null')
    expect(end).toMatchObject({ status: 'done', result: (await survey(join(dir, 'sub'))).report })
    const { surveys } = (await (await fetch(`${server.url}/surveys`)).json()) as { surveys: unknown[] }
    expect(surveys).toEqual([{ id: 'survey', runId: answer.runId, status: 'done' }])
  })

  it('replaces the survey that is under way', async () => {
    const server = await serve({ dir: tree(files), data: directory() })
    const first = await post(server, '{"pace":10000}')
    const second = await post(server, '{}')
    const events = await (await fetch(`${server.url}/runs/survey/events?runId=${first.answer.runId}`)).text()
    const end = JSON.parse(/event: end\ndata: (.*)/.exec(events)?.[1] ?? 'null')
    expect(end).toMatchObject({ status: 'stopped', reason: 'replaced', by: second.answer.runId })
  })

  it('is refused for whatever is not a directory below the one that is given', async () => {
    const dir = tree(files)
    const outside = tree({ 'secret.txt': 'x\n' })
    symlinkSync(outside, join(dir, 'out'))
    symlinkSync(join(dir, '.data'), join(dir, 'store'))
    symlinkSync(join(dir, 'sub'), join(dir, 'within'))
    const server = await serve({ dir, data: directory() })
    const codeOf = async (named: string) => (await post(server, JSON.stringify({ directory: named }))).answer.error?.code
    for (const named of ['..', '../..', outside, '/', 'sub/../../x', `../${'x'.repeat(10)}`, 'out']) {
      expect([named, await codeOf(named)]).toEqual([named, 'DIRECTORY_OUTSIDE'])
    }
    for (const named of ['dist', '.data', 'store', 'sub/../dist'])
      expect([named, await codeOf(named)]).toEqual([named, 'DIRECTORY_SKIPPED'])
    for (const named of ['missing', 'sub/missing', 'a\0b', 'a.ts/x']) {
      expect([named, await codeOf(named)]).toEqual([named, 'DIRECTORY_NOT_FOUND'])
    }
    expect(await codeOf('a.ts')).toBe('NOT_A_DIRECTORY')
    expect(await codeOf('within')).toBeUndefined()
  })

  it('is refused for a body that is none, and for pages and names of others', async () => {
    const server = await serve({ dir: tree(files), data: directory() })
    const refusal = async (body: string, headers?: Record<string, string>) => {
      const { status, answer } = await post(server, body, headers)
      return [status, answer.error?.code]
    }
    for (const body of ['', '{', '[]', 'null', '7', '{"directory":7}', '{"pace":-1}', '{"pace":"1"}', '{"pace":10001}']) {
      expect([body, ...(await refusal(body))]).toEqual([body, 400, 'BODY_INVALID'])
    }
    expect(await refusal(JSON.stringify({ directory: 'x'.repeat(20_000) }))).toEqual([413, 'BODY_TOO_LARGE'])
    expect(await refusal('{}', {})).toEqual([415, 'MEDIA_TYPE_UNSUPPORTED'])
    expect(await refusal('{}', { 'content-type': 'text/plain' })).toEqual([415, 'MEDIA_TYPE_UNSUPPORTED'])
    expect(await refusal('{}', { 'content-type': 'application/jsonp' })).toEqual([415, 'MEDIA_TYPE_UNSUPPORTED'])
    for (const origin of ['http://example.com', 'null', `http://localhost:${server.port}`, `https://127.0.0.1:${server.port}`]) {
      expect([origin, ...(await refusal('{}', { ...json, origin }))]).toEqual([origin, 403, 'ORIGIN_REFUSED'])
    }
    expect(await refusal('{}', { ...json, origin: server.url })).toEqual([201, undefined])
    expect(await foreignHost(server)).toBe(421)
  })
})

/** The status of the page for those who ask for it by another name. */
function foreignHost({ port }: SurveyServer): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, headers: { host: `example.com:${port}` } }, response => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

describe('the server', () => {
  it('serves a page that may load and run nothing but itself', async () => {
    const dir = tree(files)
    const { url } = await serve({ dir, data: directory() })
    const page = await fetch(url)
    const policy = page.headers.get('content-security-policy')
    expect(policy).toMatch(/^default-src 'none'; script-src 'self' 'sha256-[^']+'; style-src 'sha256-[^']+'; /)
    expect(policy).toContain("frame-ancestors 'none'")
    expect(page.headers.get('x-content-type-options')).toBe('nosniff')
    expect(await page.text()).not.toMatch(/<!-- \w+ -->|https?:\/\/(?!www\.w3\.org\/2000\/svg)/)
    expect((await fetch(`${url}/client/index.js`)).headers.get('content-type')).toContain('text/javascript')
    for (const path of ['/client/index.d.ts', '/client/..%2findex.js', '/page/run.css', '/favicon.ico']) {
      expect([path, (await fetch(url + path)).status]).toEqual([path, 404])
    }
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('ends at %s with code 0, also while it is followed, and goes on where it was', async signal => {
    const dir = tree(files)
    const data = directory()
    const first = await serve({ dir, data })
    const { answer } = await post(first, '{"pace":400}')
    const followed = await fetch(`${first.url}/runs/survey/events`)
    const reader = followed.body!.getReader()
    await reader.read()
    expect(await first.end(signal)).toBe(0)

    const second = await serve({ dir, data })
    const events = await (await fetch(`${second.url}/runs/survey/events?runId=${answer.runId}`)).text()
    expect(events).toContain('"attempt":2')
    expect(JSON.parse(/event: end\ndata: (.*)/.exec(events)?.[1] ?? 'null')).toMatchObject({ result: (await survey(dir)).report })
  })

  it('does not go on with a survey of what it may no longer survey', async () => {
    const data = directory()
    const first = await serve({ dir: tree(files), data })
    await post(first, '{"pace":1000}')
    await first.end('SIGTERM')
    const second = await serve({ dir: tree(files), data })
    const events = await (await fetch(`${second.url}/runs/survey/events`)).text()
    expect(JSON.parse(/event: end\ndata: (.*)/.exec(events)?.[1] ?? 'null')).toMatchObject({ status: 'error' })
  })

  it('is at port 4180 where no other is named', () => {
    const [dir, data] = [tree(files), directory()]
    expect(readOptions(['--dir', dir, '--data', data])).toEqual({
      port: 4180,
      grpcPort: 0,
      root: realpathSync(dir),
      data: realpathSync(data),
    })
  })

  it('says what is wrong with its options', async () => {
    const dir = tree(files)
    const wrong = [
      [['--port', '65536'], '--port is a whole number'],
      [['--port', 'x'], '--port is a whole number'],
      [['--grpc-port', '-1'], '--grpc-port'],
      [['--grpc-port=x'], '--grpc-port is a whole number'],
      [['--dir', join(dir, 'missing')], 'there is no directory'],
      [['--dir', join(dir, 'a.ts')], 'there is no directory'],
      [['--data', join(dir, 'a.ts')], '--data'],
      [['--data', join(dir, 'sub'), '--dir', dir], 'would be surveyed'],
      [['--data', dir, '--dir', join(dir, 'sub')], 'would be surveyed'],
      [['--nonsense'], 'There are --port'],
    ] as const
    for (const [args, text] of wrong) {
      expect(await fail(...args), args.join(' ')).toEqual({ code: 2, complaint: expect.stringContaining(text) })
    }
  })

  it('says that its port or its store is taken', async () => {
    const dir = tree(files)
    const data = join(dir, '.data', 'store')
    mkdirSync(data, { recursive: true })
    const { port } = await serve({ dir, data })
    const sameStore = await fail('--dir', dir, '--data', data, '--port', '0')
    expect(sameStore).toEqual({ code: 1, complaint: expect.stringContaining('choose another one with --data') })
    const samePort = await fail('--dir', dir, '--data', directory(), '--port', port)
    expect(samePort).toEqual({ code: 1, complaint: expect.stringContaining('choose another one with --port') })
  })
})
