import { type IncomingMessage, request as overHttp } from 'node:http'
import { request as overHttps } from 'node:https'
import type { LookupFunction } from 'node:net'
import type { Clock } from '../../kernel/port.ts'
import { type Address, addressesOf, publicAddresses } from './addresses.ts'
import type { PushPolicy } from './policy.ts'

export interface Notification {
  url: string
  headers: Readonly<Record<string, string>>
  body: string
}

/** Bytes of an answer that are read at most: nothing in it matters but its status. */
const answerBytes = 4 * 1024

/**
 * One try to deliver a notification. Resolves with what was wrong, in words that name neither the url nor what was sent; undefined
 * when it was taken: the answer has a status of 200 to 299.
 */
export async function post(
  notification: Notification,
  { timeout, allowPrivateHosts, resolve }: Required<PushPolicy>,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | undefined> {
  const over = new AbortController()
  const stop = () => over.abort()
  signal.addEventListener('abort', stop)
  const timer = clock.setTimeout(stop, timeout)
  try {
    const url = new URL(notification.url)
    const looking = allowPrivateHosts ? addressesOf(url.hostname, resolve) : publicAddresses(url, resolve)
    const addresses = await Promise.race([looking, aborted(over.signal)])
    if (over.signal.aborted) return 'timeout'
    if (!addresses || addresses.length === 0) return 'address refused'
    return await exchange(url, notification, addresses, over.signal)
  } catch (error) {
    return codeOf(error)
  } finally {
    clock.clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    // Whoever waits for it is let go of.
    over.abort()
  }
}

function exchange(
  url: URL,
  { headers, body }: Notification,
  addresses: readonly Address[],
  signal: AbortSignal,
): Promise<string | undefined> {
  return new Promise(resolve => {
    let status: number | undefined
    let failure = 'no answer'
    const options = {
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      // A connection of its own: one that is kept would lead to an address that another try has checked.
      agent: false,
      lookup: answering(addresses),
      signal,
    }
    const sending = (url.protocol === 'https:' ? overHttps : overHttp)(url, options, response => {
      status = response.statusCode
      drop(response)
    })
    sending.on('error', error => {
      failure = signal.aborted ? 'timeout' : codeOf(error)
    })
    sending.on('close', () => {
      if (status === undefined) resolve(failure)
      else resolve(status >= 200 && status < 300 ? undefined : `status ${status}`)
    })
    sending.end(body)
  })
}

/** The status is known: how the rest of the answer ends, and whether it does, changes nothing. */
function drop(response: IncomingMessage): void {
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > answerBytes) response.destroy()
  })
  response.on('error', () => response.destroy())
}

/** Leads to the addresses that were checked, whatever the name means by now. */
function answering(addresses: readonly Address[]): LookupFunction {
  return (_host, { all }, answer) => {
    const [first] = addresses
    if (all) answer(null, [...addresses])
    else answer(null, first?.address ?? '', first?.family)
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise(resolve => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}

/** Its code alone: the text may name what it was sent to. */
function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : 'failed'
}
