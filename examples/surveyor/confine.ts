import { realpath } from 'node:fs/promises'
import { sep } from 'node:path'

/** True if a path, its links resolved, is `root` or below it; `root` is a real path. Throws what the file system says of a link to nowhere. */
export async function isWithin(root: string, path: string): Promise<boolean> {
  const real = await realpath(path)
  return real === root || real.startsWith(root.endsWith(sep) ? root : root + sep)
}
