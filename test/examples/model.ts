import { MockLanguageModelV3 } from 'ai/test'

type Generated = Awaited<ReturnType<MockLanguageModelV3['doStream']>>
type Part = Generated['stream'] extends ReadableStream<infer P> ? P : never

/** One call of the model, which says what the test tells it to. */
export interface Call {
  readonly signal: AbortSignal
  /** The texts of the messages it was given. */
  readonly prompt: string[]
  say(text: string): void
  finish(): void
  /** Says so in its answer. */
  refuse(error: Error): void
  /** Breaks off. */
  fail(error: Error): void
}

export function talkingModel(): { model: MockLanguageModelV3; calls: Call[] } {
  const calls: Call[] = []
  const model = new MockLanguageModelV3({
    async doStream({ abortSignal, prompt }) {
      if (!abortSignal) throw new Error('The call has no abort signal.')
      let parts!: ReadableStreamDefaultController<Part>
      const stream = new ReadableStream<Part>({
        start(controller) {
          parts = controller
          abortSignal.addEventListener('abort', () => controller.error(abortSignal.reason))
        },
      })
      parts.enqueue({ type: 'stream-start', warnings: [] })
      parts.enqueue({ type: 'text-start', id: 'text' })
      calls.push({
        signal: abortSignal,
        prompt: prompt.map(({ content }) =>
          typeof content === 'string' ? content : content.map(part => 'text' in part && part.text).join(),
        ),
        say: text => parts.enqueue({ type: 'text-delta', id: 'text', delta: text }),
        finish() {
          parts.enqueue({ type: 'text-end', id: 'text' })
          parts.enqueue({
            type: 'finish',
            finishReason: { unified: 'stop', raw: undefined },
            usage: {
              inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
              outputTokens: { total: 1, text: 1, reasoning: undefined },
            },
          })
          parts.close()
        },
        refuse(error) {
          parts.enqueue({ type: 'error', error })
          parts.close()
        },
        fail: error => parts.error(error),
      })
      return { stream }
    },
  })
  return { model, calls }
}
