import type { Files, OpenFile } from '../../../src/adapters/lowdb/files.ts'

/** What goes wrong at one operation that changes the disk. */
export interface Fault {
  /** The first such operation has the number 0. */
  at: number
  /** Not done; done, but reported as failed; or half of the bytes written. */
  when: 'before' | 'after' | 'middle'
  /** An error, and life goes on; an error, and every later operation fails too; or the process ends here: nothing ever returns. */
  effect: 'error' | 'gone' | 'crash'
}

export interface Faulty {
  files: Files
  /** Each operation that changes the disk, such as `sync /store/store.json`, in order. */
  trace: string[]
  /** The operations that a fault has happened to. */
  fired(): readonly string[]
  /** Ends the process here, whatever it was about to do. */
  end(): void
  /** Resolves when the process has ended. */
  crashed: Promise<void>
}

/** Full disks are met by what needs room, defects by the rest. */
function failure(operation: string, name: string): Error {
  const code = ['write', 'create', 'makeDirectory'].includes(operation) ? 'ENOSPC' : 'EIO'
  return Object.assign(new Error(`${code}: injected into ${operation} '${name}'`), { code, syscall: operation, path: name })
}

const never = () => new Promise<never>(() => {})

/** The same files, with these faults. */
export function withFaults(files: Files, faults: readonly Fault[]): Faulty {
  const trace: string[] = []
  const fired: string[] = []
  let state: 'well' | 'gone' | 'crashed' = 'well'
  let crash = () => {}
  const crashed = new Promise<void>(resolve => {
    crash = resolve
  })

  /** A read, or another operation that leaves the disk as it is. */
  async function harmless<T>(operation: string, name: string, perform: () => Promise<T>): Promise<T> {
    if (state === 'gone') throw failure(operation, name)
    const result = state === 'crashed' ? await never() : await perform()
    // The process may have ended while this was under way.
    return ended() ? never() : result
  }
  const ended = () => state === 'crashed'
  const end = () => {
    state = 'crashed'
    crash()
  }

  async function changing<T>(operation: string, name: string, perform: () => Promise<T>, half?: () => Promise<unknown>): Promise<T> {
    if (state !== 'well') return harmless(operation, name, perform)
    const at = trace.push(`${operation} ${name}`) - 1
    const fault = faults.find(candidate => candidate.at === at && (candidate.when !== 'middle' || half !== undefined))
    if (fault === undefined) return harmless(operation, name, perform)
    fired.push(trace[at]!)
    if (fault.effect === 'gone') state = 'gone'
    if (fault.when === 'middle') await half?.()
    // What fails by itself is done as well as it can be.
    if (fault.when === 'after') await Promise.allSettled([perform()])
    if (fault.effect !== 'crash') throw failure(operation, name)
    end()
    return never()
  }

  const opened = (file: OpenFile, name: string): OpenFile => ({
    read: (length, position) => harmless('read', name, () => file.read(length, position)),
    size: () => harmless('size', name, () => file.size()),
    close: () => file.close(),
    write: (bytes, position) =>
      changing(
        'write',
        name,
        () => file.write(bytes, position),
        () => file.write(bytes.subarray(0, bytes.length >> 1), position),
      ),
    sync: () => changing('sync', name, () => file.sync()),
    truncate: length => changing('truncate', name, () => file.truncate(length)),
  })

  return {
    trace,
    fired: () => fired,
    end,
    crashed,
    files: {
      async open(name, mode) {
        const open = () => files.open(name, mode)
        return opened(await (mode === 'create' ? changing('create', name, open) : harmless('open', name, open)), name)
      },
      makeDirectory: name => changing('makeDirectory', name, () => files.makeDirectory(name)),
      list: name => harmless('list', name, () => files.list(name)),
      rename: (from, to) => changing('rename', to, () => files.rename(from, to)),
      remove: name => changing('remove', name, () => files.remove(name)),
      syncDirectory: name => changing('syncDirectory', name, () => files.syncDirectory(name)),
    },
  }
}
