// In a component:
//   const { transport, stop } = chatClient()                          once, outside of it
//   const chat = useChat({ id, messages: saved, resume: true, transport })
//   <button onClick={() => stop(chat)}>Stop</button>
import { DefaultChatTransport, type UIMessage } from 'ai'

export interface ChatClientOptions {
  /** Default `/api/chat`. */
  api?: string
  headers?: Record<string, string>
}

/** A chat on the page: what useChat returns, or a Chat. */
export interface StoppableChat {
  readonly id: string
  stop(): Promise<void>
}

export function chatClient<Message extends UIMessage>({ api = '/api/chat', headers = {} }: ChatClientOptions = {}) {
  const at = (id: string, action: string) => `${api}/${encodeURIComponent(id)}/${action}`
  return {
    transport: new DefaultChatTransport<Message>({
      api,
      headers,
      prepareReconnectToStreamRequest: ({ id }) => ({ api: at(id, 'stream') }),
    }),

    /** Really stops the answer, for every tab. chat.stop() alone only closes the connection of this one. */
    async stop(chat: StoppableChat): Promise<void> {
      const response = await fetch(at(chat.id, 'stop'), { method: 'POST', headers: { ...headers, 'content-type': 'application/json' } })
      await chat.stop()
      if (!response.ok) throw new Error(`The answer could not be stopped: ${response.status}.`)
    },
  }
}
