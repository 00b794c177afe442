import type { Files, OpenFile } from '../../src/adapters/lowdb/files.ts'

/** Files as a process sees them that can die within ours: what is under way comes to rest, nothing begins, nobody hears of either. */
export function mortalFiles(files: Files): { files: Files; die(): Promise<void> } {
  const underWay = new Set<Promise<unknown>>()
  const open = new Set<OpenFile>()
  const never = new Promise<never>(() => undefined)
  let dead = false

  /** An operation that the process lives to begin; it may not live to see its end. */
  function alive<Arguments extends unknown[], Result>(operation: (...args: Arguments) => Promise<Result>) {
    return async (...args: Arguments): Promise<Result> => {
      if (dead) return never
      const work = operation(...args)
      underWay.add(work)
      const outcome = await Promise.allSettled([work])
      underWay.delete(work)
      return dead ? never : outcome[0].status === 'fulfilled' ? outcome[0].value : Promise.reject(outcome[0].reason)
    }
  }

  function mortalFile(file: OpenFile): OpenFile {
    open.add(file)
    return {
      read: alive(file.read),
      write: alive(file.write),
      sync: alive(file.sync),
      truncate: alive(file.truncate),
      size: alive(file.size),
      close: alive(() => {
        open.delete(file)
        return file.close()
      }),
    }
  }

  return {
    files: {
      open: alive(async (path, mode) => mortalFile(await files.open(path, mode))),
      makeDirectory: alive(files.makeDirectory),
      list: alive(files.list),
      rename: alive(files.rename),
      remove: alive(files.remove),
      syncDirectory: alive(files.syncDirectory),
    },
    async die() {
      dead = true
      await Promise.allSettled(underWay)
      await Promise.all([...open].map(file => file.close()))
    },
  }
}
