import type { Http2Bindings, HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { secureHeaders } from 'hono/secure-headers'
import { isLifechartError, type Lifechart } from 'lifechart'
import { loopbackOnly, runHandler } from 'lifechart/http'
import { Refusal } from './allowed.ts'
import type { Page } from './page.ts'
import { printable } from './printable.ts'
import { longestPace } from './surveyor.ts'
import type { Surveys } from './surveys.ts'

/** Bytes of a request to start a survey. */
const largestBody = 16 * 1024

/** What anything but the page may load: it is data, and no document. */
const nothing = { defaultSrc: ["'none'"], frameAncestors: ["'none'"] }

/** What the server answers: the page and its scripts, the start of a survey, and below /runs all that is known of runs. */
export function createApp({ lifechart, surveys, page }: { lifechart: Lifechart; surveys: Surveys; page: () => Promise<Page> }) {
  const app = new Hono<{ Bindings: HttpBindings | Http2Bindings }>()
  const runs = runHandler({ lifechart, authorize: 'public', retry: 250 })

  app.all('/runs/*', ({ req, env }) => runs(req.raw, env))
  app.use(async (context, next) => {
    const contentSecurityPolicy = context.req.path === '/' ? (await page()).policy : nothing
    await secureHeaders({ contentSecurityPolicy, xFrameOptions: 'DENY', strictTransportSecurity: false })(context, next)
  })
  app.get('/', async context => context.html((await page()).html, 200, { 'cache-control': 'no-store' }))
  app.on('GET', ['/page/*', '/client/*'], async context => {
    const script = (await page()).scripts.get(context.req.path)
    if (script === undefined) return context.notFound()
    return context.body(script, 200, { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'no-cache' })
  })

  app.get('/surveys', async context => {
    const latest = await surveys.latest()
    return context.json({ surveys: latest ? [{ id: latest.id, runId: latest.runId, status: latest.status }] : [] })
  })
  const bounded = bodyLimit({
    maxSize: largestBody,
    onError: context => failure(context, 413, 'BODY_TOO_LARGE', `A body has at most ${largestBody} bytes.`),
  })
  app.post('/surveys', bounded, async context => {
    const origin = context.req.header('origin')
    if (origin !== undefined && origin !== new URL(context.req.url).origin) {
      return failure(
        context,
        403,
        'ORIGIN_REFUSED',
        'Surveys are started by the page of this server, and by programs that are no web page.',
      )
    }
    if (context.req.header('content-type')?.split(';')[0]?.trim().toLowerCase() !== 'application/json') {
      return failure(context, 415, 'MEDIA_TYPE_UNSUPPORTED', 'The content-type of the body is application/json.')
    }
    const order = readOrder(await context.req.text())
    if (!order) {
      const message = `The body is { "directory"?: string, "pace"?: number }, with a pace of 0 to ${longestPace} milliseconds.`
      return failure(context, 400, 'BODY_INVALID', message)
    }
    return context.json(await surveys.start(order.directory, order.pace), 201)
  })

  app.notFound(context => failure(context, 404, 'NOT_FOUND', 'There is nothing of this name.'))
  app.onError((error, context) => {
    if (error instanceof Refusal) return failure(context, refusals[error.code], error.code, error.message)
    if (isLifechartError(error)) return failure(context, 503, error.code, 'This can not be done now. Try again.')
    process.stderr.write(`A request failed: ${printable(String(error))}\n`)
    return failure(context, 500, 'SERVER_FAILED', 'The server failed; the cause is in its log.')
  })
  return loopbackOnly((request: Request, bindings: HttpBindings | Http2Bindings) => app.fetch(request, bindings))
}

const refusals = { DIRECTORY_OUTSIDE: 403, DIRECTORY_SKIPPED: 403, DIRECTORY_NOT_FOUND: 404, NOT_A_DIRECTORY: 400 } as const

function failure(context: Context, status: 400 | 403 | 404 | 413 | 415 | 500 | 503, code: string, message: string) {
  return context.json({ error: { code, message } }, status)
}

/** What is to be surveyed, and how fast; undefined for a body that does not say it. */
function readOrder(body: string): { directory: string; pace: number } | undefined {
  try {
    const order: unknown = JSON.parse(body)
    if (typeof order !== 'object' || order === null || Array.isArray(order)) return undefined
    const { directory = '', pace = 0 } = order as { directory?: unknown; pace?: unknown }
    if (typeof directory !== 'string' || typeof pace !== 'number' || !(pace >= 0 && pace <= longestPace)) return undefined
    return { directory, pace }
  } catch {
    return undefined
  }
}
