// A chat of the Vercel AI SDK whose answers outlive the connection: close the tab, come back, stop it from elsewhere.
import type { HttpBindings } from '@hono/node-server'
import { convertToModelMessages, generateId, type LanguageModel, streamText, type UIMessage } from 'ai'
import { Hono } from 'hono'
import type { Lifechart } from 'lifechart'
import { type Authorize, runHandler } from 'lifechart/http'

export interface ChatServerOptions {
  lifechart: Lifechart
  authorize: Authorize
  model: LanguageModel
}

export function chatServer({ lifechart, authorize, model }: ChatServerOptions) {
  const runs = runHandler({ lifechart, authorize, encode: 'ui-message-stream' })
  const app = new Hono<{ Bindings: HttpBindings }>()

  /** What useChat sends: the whole history as the page has it. Keeping it is yours: here what was asked, at onFinish the answer. */
  app.post('/api/chat', async c => {
    // A page of another origin may send plain text without being asked for its leave; JSON it may not.
    if (c.req.header('content-type') !== 'application/json') return c.text('Send JSON.', 415)
    const { id, messages } = await c.req.json<{ id: string; messages: UIMessage[] }>()
    if (!(await authorize({ request: c.req.raw, action: 'events', id }))) return c.notFound()

    const run = lifechart.runs.start(id, async ({ signal }) => {
      // The signal is the run's, not the request's: it fires when the run is told to stop, and not when somebody leaves. The first
      // onError would print what the second one tells.
      const answer = streamText({ model, messages: await convertToModelMessages(messages), abortSignal: signal, onError() {} })
      return answer.toUIMessageStream({
        originalMessages: messages,
        generateMessageId: generateId,
        // onFinish: ({ messages }) => saveChat(id, messages),
        onError(error) {
          // Fails the run, which logs it. Returning a text would make it a run that is done.
          throw error
        },
      })
    })
    await run.started
    return runs.events(c.req.raw, { id, runId: run.runId }, c.env)
  })

  /**
   * useChat({ resume: true }) asks when a page opens. The answer from its beginning and on to its end, or 204 when nothing is going on:
   * then what the page shows is the history that it was opened with.
   */
  app.get('/api/chat/:id/stream', c => runs.events(c.req.raw, { id: c.req.param('id') }, c.env))

  app.post('/api/chat/:id/stop', c => runs.stop(c.req.raw, { id: c.req.param('id') }))
  return app
}
