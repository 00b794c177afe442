import { LifechartError } from '../errors.ts'

/** What can be asked of a run, below the base of a handler. */
export type Action = 'events' | 'status' | 'stop'

const methods: Record<Action, 'GET' | 'POST'> = { events: 'GET', status: 'GET', stop: 'POST' }

/** Reads `<base>/<id>`, `<base>/<id>/events` and `<base>/<id>/stop`. `NOT_FOUND`, `INVALID_ID`. */
export function readPath(base: string, pathname: string): { id: string; action: Action } {
  const rest = pathname.startsWith(`${base}/`) ? pathname.slice(base.length + 1).split('/') : []
  const [segment, word, ...more] = rest
  const action = word === undefined ? 'status' : word
  if (!segment || more.length > 0 || !Object.hasOwn(methods, action) || word === 'status') {
    throw new LifechartError('NOT_FOUND', `There is nothing at this path. Runs are at ${base}/{id}, with /events and /stop behind it.`)
  }
  return { id: decodeId(segment), action: action as Action }
}

/** `METHOD_NOT_ALLOWED`, with the one that is. */
export function checkMethod(action: Action, method: string): void {
  const allow = methods[action]
  if (method !== allow) throw new LifechartError('METHOD_NOT_ALLOWED', `Use ${allow} here.`, { details: { allow } })
}

function decodeId(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new LifechartError('INVALID_ID', 'The id in the path is not well-formed: use encodeURIComponent.')
  }
}
