// Following a run with nothing but fetch, and with the client of this house.
import { follow } from 'lifechart/client'

export interface Told {
  event: string
  data: unknown
}

/** Every event once, over any number of connections. The address names the run: …/events?runId=… */
export async function* followWithFetch(url: string): AsyncGenerator<Told> {
  const address = new URL(url)
  let last = ''
  let retry = 1_000
  for (let pause = 0; ; pause = retry) {
    await new Promise(resolve => setTimeout(resolve, pause))
    try {
      const response = await fetch(address, { headers: last ? { 'last-event-id': last } : {} })
      if (response.status === 204) return
      // A server that is being replaced, or has too much to do.
      if (response.status === 429 || response.status >= 500) continue
      if (!response.ok || !response.body) throw new Error(`The server says ${response.status}.`)
      let text = ''
      let told: Partial<Record<string, string>> = {}
      for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
        const lines = (text + piece).split('\n')
        text = lines.pop() ?? ''
        for (const line of lines) {
          const [, field = '', value = ''] = /^(\w*): ?(.*)$/.exec(line) ?? []
          if (field === 'retry') retry = Number(value)
          else if (field) told[field] = value
          if (line !== '') continue
          // An empty line ends an event, and only then is it had: what is cut in the middle comes again. Its data is one line of JSON.
          const { event, data, id } = told
          told = {}
          last = id ?? last
          if (id && event && data) yield { event, data: event === 'bytes' ? data : JSON.parse(data) }
          if (event === 'end') return
        }
      }
    } catch (error) {
      // What fetch says of a connection that broke. Everything else is no reason to come again.
      if (!(error instanceof TypeError)) throw error
    }
  }
}

/** The same; silence, refusals that pass and servers that are down are dealt with too. */
export async function replyWithClient(url: string): Promise<string> {
  let reply = ''
  for await (const event of follow(url)) if (event.type === 'chunk') reply += (event.data as { word: string }).word
  return reply
}
