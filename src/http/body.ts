import { isLifechartError, LifechartError } from '../errors.ts'
import { assertJson } from '../kernel/json.ts'

/**
 * The JSON object that a request carries; an empty body is an empty one. Never more is read than allowed. `MEDIA_TYPE_UNSUPPORTED`,
 * `BODY_TOO_LARGE`, `BODY_INVALID`.
 */
export async function readBody(request: Request, most: number): Promise<Record<string, unknown>> {
  checkMediaType(request)
  const text = request.bodyUsed ? undefined : await readText(request, most)
  if (text === undefined || (text === '' && isSaidToBe(request.headers))) {
    throw new LifechartError('BODY_INVALID', 'The body was read already: mount the handler in front of what parses bodies.')
  }
  if (text === '') return {}
  let value: unknown
  try {
    value = JSON.parse(text)
    assertJson(value, 'The body')
  } catch {
    throw new LifechartError('BODY_INVALID', 'The body is not JSON, or is nested deeper than 64.')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new LifechartError('BODY_INVALID', 'The body is not a JSON object.')
  }
  return value as Record<string, unknown>
}

/** What a form or a link of another page can not send. `MEDIA_TYPE_UNSUPPORTED`. */
export function checkMediaType({ headers }: Request): void {
  const type = headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type === 'application/json') return
  throw new LifechartError('MEDIA_TYPE_UNSUPPORTED', 'Send content-type: application/json.')
}

/** There was a body, if nothing of it is left: to take it for an empty one could stop a run that was not meant. */
function isSaidToBe(headers: Headers): boolean {
  return headers.has('transfer-encoding') || Number(headers.get('content-length') ?? 0) > 0
}

async function readText(request: Request, most: number): Promise<string> {
  const tooLarge = () => new LifechartError('BODY_TOO_LARGE', `The body is larger than ${most} bytes.`)
  if (Number(request.headers.get('content-length') ?? 0) > most) throw tooLarge()
  if (!request.body) return ''
  const parts: Uint8Array[] = []
  let size = 0
  try {
    for await (const part of request.body) {
      size += part.byteLength
      // Leaving the loop cancels the rest.
      if (size > most) throw tooLarge()
      parts.push(part)
    }
  } catch (cause) {
    if (isLifechartError(cause)) throw cause
    throw new LifechartError('BODY_INVALID', 'The body broke off.', { cause })
  }
  return new TextDecoder().decode(Buffer.concat(parts))
}
