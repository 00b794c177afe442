import { LifechartError } from '../errors.ts'
import { failureOf, refuse } from './failure.ts'

const loopback: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * For a server on loopback: a page that had its own name resolve to this machine (DNS rebinding) sends that name as `Host`, and is
 * answered with 421 `HOST_REFUSED`.
 */
export function loopbackOnly<Rest extends unknown[]>(
  handle: (request: Request, ...rest: Rest) => Response | Promise<Response>,
): (request: Request, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    const { host } = new URL(request.url)
    const named = request.headers.get('host') ?? host
    if (isLoopback(named) && isLoopback(host)) return handle(request, ...rest)
    return refuse(failureOf(new LifechartError('HOST_REFUSED', 'This server answers on localhost, 127.0.0.1 and [::1] only.')))
  }
}

function isLoopback(host: string): boolean {
  const url = `http://${host}`
  return (
    URL.canParse(url) && loopback.has(new URL(url).hostname) && new URL(url).host.toLowerCase() === host.toLowerCase().replace(/:80$/, '')
  )
}
