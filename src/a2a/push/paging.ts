import { LifechartError } from '../../errors.ts'
import type { PushConfig } from './config.ts'

/** As A2A 1.0 has them: 0 is no size, and '' no token. */
export interface Paging {
  pageSize?: number
  pageToken?: string
}

export interface PushPage {
  configs: PushConfig[]
  /** Empty behind the last page. */
  nextPageToken: string
}

/** A page of the configurations, all of them by default. Its token names the first one of the next page. `REQUEST_INVALID`. */
export function pageOf(configs: PushConfig[], { pageSize = 0, pageToken = '' }: Paging): PushPage {
  if (!Number.isInteger(pageSize) || pageSize < 0) throw invalid('pageSize is a whole number, 0 or more.')
  const begin = pageToken === '' ? 0 : configs.findIndex(({ id }) => tokenOf(id) === pageToken)
  if (begin < 0) throw invalid('pageToken is none of ours, or its configuration was deleted: begin with the first page.')
  const end = pageSize === 0 ? configs.length : begin + pageSize
  const next = configs[end]
  return { configs: configs.slice(begin, end), nextPageToken: next ? tokenOf(next.id) : '' }
}

const tokenOf = (id: string): string => Buffer.from(id).toString('base64url')

const invalid = (text: string) => new LifechartError('REQUEST_INVALID', text)
