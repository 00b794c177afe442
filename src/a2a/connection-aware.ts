import type { EventEmitter } from 'node:events'
import type { ServerCallContext, User } from '@a2a-js/sdk/server'

/** What a stream is written to: the response of an HTTP request, or the call of gRPC itself. */
type Outlet = EventEmitter & {
  readonly writableNeedDrain: boolean
  readonly destroyed?: boolean
  /** Of a call. */
  readonly cancelled?: boolean
}

/** Keyed by the user, which is all that the SDK's transports hand on from the connection to the request handler. */
const connections = new WeakMap<object, Connection>()

/**
 * Wraps the `userBuilder` of `jsonRpcHandler`, `restHandler` or `grpcService`, so that streams end when their connection does, and wait
 * for a client that reads slowly; the SDK's transports do neither. Without it both cost memory until the task is over.
 */
export function connectionAware<Source extends object, U extends User>(
  userBuilder: (source: Source) => Promise<U>,
): (source: Source) => Promise<U> {
  return async source => {
    // Before anything is awaited: a connection that closes meanwhile is noticed.
    const outlet = outletOf(source)
    const user = await userBuilder(source)
    if (!outlet) return user
    const own = standIn(user)
    connections.set(own, new Connection(outlet))
    return own
  }
}

/** Undefined when its user does not come from a builder that is {@link connectionAware}. */
export function connectionOf({ user }: ServerCallContext): Connection | undefined {
  return user && connections.get(user)
}

function outletOf(source: { res?: unknown }): Outlet | undefined {
  const outlet = 'res' in source ? source.res : source
  return typeof outlet === 'object' && outlet !== null && 'writableNeedDrain' in outlet ? (outlet as Outlet) : undefined
}

/** The same user as an object of this call alone: many calls may be given one object. */
function standIn<U extends User>(user: U): U {
  return new Proxy(user, {
    get: (target, key) => {
      // With itself as `this`: it may have private fields.
      const value = Reflect.get(target, key, target)
      return typeof value === 'function' && !Object.hasOwn(target, key) ? value.bind(target) : value
    },
  })
}

/** What a stream has to know of the connection it is written to. */
export class Connection {
  readonly #outlet: Outlet

  constructor(outlet: Outlet) {
    this.#outlet = outlet
  }

  get closed(): boolean {
    return this.#outlet.destroyed === true || this.#outlet.cancelled === true
  }

  /** Calls the listener when nothing that is written arrives any more; at once if that is so already. */
  onClose(listener: () => void): void {
    if (this.closed) listener()
    for (const event of ['close', 'cancelled']) this.#outlet.addListener(event, listener)
  }

  /** Resolves when more may be written, or the connection has closed. */
  async ready(): Promise<void> {
    const outlet = this.#outlet
    if (!outlet.writableNeedDrain || this.closed) return
    await new Promise<void>(resolve => {
      // Not `on` or `once`: middleware that compresses puts its own in their place.
      const done = () => {
        for (const event of ['drain', 'close', 'cancelled']) outlet.removeListener(event, done)
        resolve()
      }
      for (const event of ['drain', 'close', 'cancelled']) outlet.addListener(event, done)
    })
  }
}
