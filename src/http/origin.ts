import { LifechartError } from '../errors.ts'

export interface Cors {
  /** Origins (`https://app.example`) whose pages may read and stop runs. */
  origins: readonly string[]
  /** Whether their cookies come along. Default false. */
  credentials?: boolean
}

export interface OriginOptions {
  /** Default: no other origin, and no CORS header. */
  cors?: Cors
  /** The server's own origin, where a proxy changes the `Host` that requests arrive with. */
  origin?: string
}

/** Which pages may ask, and what their browsers are told. */
export class Origins {
  readonly #foreign: ReadonlySet<string>
  readonly #credentials: boolean
  readonly #own: string | undefined

  constructor({ cors, origin }: OriginOptions) {
    this.#foreign = new Set((cors?.origins ?? []).map(checked))
    this.#credentials = cors?.credentials ?? false
    this.#own = origin === undefined ? undefined : checked(origin)
  }

  /** A page that changes something is one of ours; what is no page sends no origin. `ORIGIN_REFUSED`. */
  check(request: Request): void {
    const origin = request.headers.get('origin')
    if (origin === null || this.#isOwn(origin, request) || this.#foreign.has(origin)) return
    throw new LifechartError(
      'ORIGIN_REFUSED',
      'Pages of this origin may not do that. Name it in cors.origins, or set origin behind a proxy.',
    )
  }

  #isOwn(origin: string, request: Request): boolean {
    if (this.#own !== undefined) return origin === this.#own
    const host = request.headers.get('host') ?? new URL(request.url).host
    return origin === `http://${host}` || origin === `https://${host}`
  }

  /** The answer to a browser that asks before it asks; undefined where nothing is configured for its page. */
  preflight(request: Request): Response | undefined {
    const asks = request.method === 'OPTIONS' && request.headers.has('access-control-request-method')
    const headers = asks && this.headers(request)
    if (!headers || !('access-control-allow-origin' in headers)) return undefined
    return new Response(null, {
      status: 204,
      headers: {
        ...headers,
        'access-control-allow-methods': 'GET, POST',
        'access-control-allow-headers': 'authorization, content-type, last-event-id',
        'access-control-max-age': '600',
      },
    })
  }

  /** For every answer to a page of a configured origin. */
  headers(request: Request): Record<string, string> | undefined {
    const origin = request.headers.get('origin')
    if (this.#foreign.size === 0) return undefined
    if (origin === null || !this.#foreign.has(origin)) return { vary: 'Origin' }
    return {
      vary: 'Origin',
      'access-control-allow-origin': origin,
      'access-control-expose-headers': 'retry-after',
      ...(this.#credentials && { 'access-control-allow-credentials': 'true' }),
    }
  }
}

function checked(origin: string): string {
  const url = URL.canParse(origin) ? new URL(origin) : undefined
  if (url?.origin === origin) return origin
  throw new LifechartError('INVALID_OPTION', `${JSON.stringify(origin)} is no origin: that is https://app.example, without a path or "*".`)
}
