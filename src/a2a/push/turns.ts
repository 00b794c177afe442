interface Queue {
  under: number
  readonly waiting: Set<() => void>
}

/** How many POSTs are under way at once: all together, and to one receiver. What waits gets its turn receiver by receiver. */
export class PostTurns {
  readonly #most: number
  readonly #mostPerHost: number
  #under = 0
  /** By host; the one whose turn was last is at the end. */
  readonly #queues = new Map<string, Queue>()

  constructor(most: number, mostPerHost: number) {
    this.#most = most
    this.#mostPerHost = mostPerHost
  }

  /** Resolves with how to give the turn back, or with undefined when the signal is aborted before it comes. */
  take(host: string, signal: AbortSignal): Promise<(() => void) | undefined> {
    if (signal.aborted) return Promise.resolve(undefined)
    const queue = this.#queues.get(host) ?? { under: 0, waiting: new Set() }
    this.#queues.set(host, queue)
    return new Promise(resolve => {
      const begin = () => {
        signal.removeEventListener('abort', leave)
        resolve(() => this.#end(host, queue))
      }
      const leave = () => {
        queue.waiting.delete(begin)
        this.#tidy(host, queue)
        resolve(undefined)
      }
      signal.addEventListener('abort', leave, { once: true })
      queue.waiting.add(begin)
      this.#next()
    })
  }

  #end(host: string, queue: Queue): void {
    queue.under--
    this.#under--
    this.#tidy(host, queue)
    this.#next()
  }

  #tidy(host: string, { under, waiting }: Queue): void {
    if (under === 0 && waiting.size === 0) this.#queues.delete(host)
  }

  #next(): void {
    while (this.#under < this.#most) {
      const host = this.#whoseTurn()
      const queue = host !== undefined && this.#queues.get(host)
      if (!queue) return
      queue.under++
      this.#under++
      // Behind the others.
      this.#queues.delete(host)
      this.#queues.set(host, queue)
      const [begin = () => undefined] = queue.waiting
      queue.waiting.delete(begin)
      begin()
    }
  }

  #whoseTurn(): string | undefined {
    for (const [host, { under, waiting }] of this.#queues) if (waiting.size > 0 && under < this.#mostPerHost) return host
    return undefined
  }
}
