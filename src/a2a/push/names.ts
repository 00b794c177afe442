import { LifechartError } from '../../errors.ts'

/** The stream of a configuration. `REQUEST_INVALID` for an id that is too long, or not well-formed. */
export function pushStream(taskId: string, id: string): string {
  const encoded = id.isWellFormed() ? encodeURIComponent(id) : undefined
  if (encoded && encoded.length <= 256) return `push/${taskId}/${encoded}`
  throw new LifechartError('REQUEST_INVALID', 'The id of the configuration is well-formed text of at most 256 bytes.')
}

/** The stream that says which configurations a task has. */
export const listStream = (taskId: string): string => `push-list/${taskId}`
