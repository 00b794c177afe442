import { validateHeaderValue } from 'node:http'
import type { TaskPushNotificationConfig } from '@a2a-js/sdk'
import { LifechartError } from '../../errors.ts'

/** Characters of a configuration, all together. */
const longest = 16 * 1024

/** Where notifications of a task go, and with which credentials. */
export type PushConfig = TaskPushNotificationConfig

/** A copy of what a client gave, of the members that count. `REQUEST_INVALID`, with texts that repeat nothing of it. */
export function checkConfig({ tenant, id, taskId, url, token, authentication }: PushConfig): PushConfig {
  const { scheme, credentials } = authentication ?? { scheme: '', credentials: '' }
  const texts = [tenant, id, taskId, url, token, scheme, credentials]
  if (texts.some(text => typeof text !== 'string' || !text.isWellFormed())) throw invalid('consists of well-formed texts')
  if (texts.join('').length > longest) throw invalid(`has at most ${longest} characters`)
  const target = URL.canParse(url) ? new URL(url) : undefined
  if (target?.protocol !== 'http:' && target?.protocol !== 'https:') throw invalid('has a url that begins with https: or http:')
  if (target.username !== '' || target.password !== '') throw invalid('has no credentials in its url: give them as authentication')
  for (const value of [token, scheme, credentials]) {
    try {
      validateHeaderValue('authorization', value)
    } catch {
      throw invalid('has a token and credentials that can be sent in a header')
    }
  }
  return { tenant, id, taskId, url, token, authentication: authentication && { scheme, credentials } }
}

/** The credentials go along as the headers of A2A 1.0, section 4.3.3, and of its version before; both if both are given. */
export function credentialsOf({ token, authentication }: PushConfig): Record<string, string> {
  const { scheme, credentials } = authentication ?? { scheme: '', credentials: '' }
  return {
    ...(scheme && credentials && { authorization: `${scheme} ${credentials}` }),
    ...(token && { 'x-a2a-notification-token': token }),
  }
}

function invalid(text: string): LifechartError {
  return new LifechartError('REQUEST_INVALID', `A configuration of push notifications ${text}.`)
}
