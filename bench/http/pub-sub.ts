import type { Publisher, Subscriber } from 'resumable-stream/generic'

const connect = async () => undefined

/** The least of a broker: everything in one process, nothing encoded, nothing sent. */
export function pubSub(): { publisher: Publisher; subscriber: Subscriber } {
  const channels = new Map<string, (message: string) => void>()
  const values = new Map<string, string>()
  return {
    publisher: {
      connect,
      async publish(channel, message) {
        channels.get(channel)?.(message)
      },
      async set(key, value) {
        values.set(key, value)
        return 'OK'
      },
      get: async key => values.get(key) ?? null,
      async incr(key) {
        const count = Number(values.get(key) ?? 0)
        if (Number.isNaN(count)) throw new Error('ERR value is not an integer or out of range')
        values.set(key, String(count + 1))
        return count + 1
      },
    },
    subscriber: {
      connect,
      async subscribe(channel, callback) {
        channels.set(channel, callback)
      },
      async unsubscribe(channel) {
        channels.delete(channel)
      },
    },
  }
}
