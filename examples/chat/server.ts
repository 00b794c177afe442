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

  async function answer(messages: UIMessage[], signal: AbortSignal) {
    // The signal is the run's, not the request's: it fires when the run is told to stop, and not when somebody leaves. The first
    // onError would print what the second one tells.
    const text = streamText({ model, messages: await convertToModelMessages(messages), abortSignal: signal, onError() {} })
    return text.toUIMessageStream({
      originalMessages: messages,
      generateMessageId: generateId,
      // onFinish: ({ messages }) => saveChat(id, messages),
      onError(error) {
        // Fails the run, which logs it. Returning a text would make it a run that is done.
        throw error
      },
    })
  }

  /** What useChat sends: the whole history as the page has it. Keeping it is yours: here what was asked, at onFinish the answer. */
  app.post('/api/chat', c =>
    runs.start(
      c.req.raw,
      {
        id: ({ id }) => String(id),
        follow: true,
        begin: ({ id, messages }) => lifechart.runs.start(String(id), ({ signal }) => answer(messages as UIMessage[], signal)),
      },
      c.env,
    ),
  )

  /**
   * useChat({ resume: true }) asks when a page opens. The answer from its beginning and on to its end, or 204 when nothing is going on:
   * then what the page shows is the history that it was opened with.
   */
  app.get('/api/chat/:id/stream', c => runs.events(c.req.raw, { id: c.req.param('id') }, c.env))

  app.post('/api/chat/:id/stop', c => runs.stop(c.req.raw, { id: c.req.param('id') }))
  return app
}
