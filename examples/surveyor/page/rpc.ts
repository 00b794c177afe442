import { Refused } from './requests.ts'

interface Answer {
  result?: unknown
  error?: { message: string } | undefined
}

/** The connection is gone, or there was none. */
export class Cut extends Error {}

let calls = 0

/** Calls the agent; gives its answer, or one after the other all that it streams. Throws `Refused` for what it does not do, and `Cut`. */
export async function* call(method: string, params: unknown, signal?: AbortSignal): AsyncGenerator<unknown, void> {
  try {
    const response = await fetch('/a2a/jsonrpc', {
      method: 'POST',
      cache: 'no-store',
      headers: { 'content-type': 'application/json', 'a2a-version': '1.0' },
      body: JSON.stringify({ jsonrpc: '2.0', id: ++calls, method, params }),
      ...(signal && { signal }),
    })
    if (response.headers.get('content-type')?.startsWith('text/event-stream') && response.body) {
      for await (const data of eventsOf(response.body)) yield resultOf(data)
    } else yield resultOf(await response.text())
  } catch (cause) {
    if (cause instanceof Refused) throw cause
    throw new Cut('The agent can not be reached.', { cause })
  }
}

function resultOf(text: string): unknown {
  const { result, error } = JSON.parse(text) as Answer
  if (error) throw new Refused(error.message)
  return result
}

/** The data of events, each of which is one line. */
async function* eventsOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string, void> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  try {
    let rest = ''
    for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
      const lines = (rest + value).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line.startsWith('data:')) yield line.slice('data:'.length)
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
