import type { RequestHandler } from 'express'

const loopback = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i

/**
 * For what has no such guard of its own: a page that had its own name resolve to this machine (DNS rebinding) sends that name as `Host`,
 * and is answered with 421 `HOST_REFUSED`; a page of another origin with 403 `ORIGIN_REFUSED`.
 */
export const ownPagesOnly: RequestHandler = ({ headers: { host = '', origin } }, response, next) => {
  const refuse = (status: number, code: string, message: string) => void response.status(status).json({ error: { code, message } })
  if (!loopback.test(host)) return refuse(421, 'HOST_REFUSED', 'This server answers on localhost, 127.0.0.1 and [::1] only.')
  if (origin === undefined || origin === `http://${host}`) return next()
  refuse(403, 'ORIGIN_REFUSED', 'The agent talks to the page of this server, and to programs that are no web page.')
}
