import { realpath } from 'node:fs/promises'
import { sep } from 'node:path'

/** True if a path, its links resolved, is `root` or below it; `root` is a real path. Throws what the file system says of a link to nowhere. */
export async function isWithin(root: string, path: string): Promise<boolean> {
  return contains(root, await realpath(path))
}

/** Of two real paths. */
export function contains(outer: string, inner: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep)
}
