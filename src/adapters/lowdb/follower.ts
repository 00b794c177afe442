import type { Clock, Id } from '../../kernel/port.ts'
import type { Contents } from './contents.ts'
import { systemCode } from './failures.ts'
import type { OpenFile } from './files.ts'
import { logName, logShape, numbersIn } from './layout.ts'
import type { Line } from './line.ts'
import { listIfThere } from './open.ts'
import { absorbLine, type Recovered, type Recovery, recover } from './recovery.ts'
import { scan } from './scan.ts'
import type { Segments } from './segments.ts'

/** Keeps up with a writer in another process, which it never disturbs. */
export interface Follower {
  readonly contents: Contents
  /** Looks now what is new. */
  refresh(): Promise<void>
  /** Resolves when no look is under way: in the middle of one, what is known may have holes. */
  settled(): Promise<void>
  close(): Promise<void>
}

export interface FollowerOptions extends Recovery {
  clock: Clock
  segments: Segments
  /** Milliseconds between two looks. */
  pollInterval: number
  changed(stream: Id, version: number): void
  changedAll(): void
}

export async function follow(options: FollowerOptions): Promise<Follower> {
  const { files, layout, clock, logger, store, segments, pollInterval } = options
  let { contents, mark } = await recoverBeside(options)
  /** The last line seen, to notice when the writer has taken back what it could not finish. */
  let seen: { offset: number; checksum: string } | undefined
  let looking: Promise<void> | undefined
  let timer: unknown

  async function look(): Promise<void> {
    // Why a segment was deleted before it could be read is told by lines that are there by now.
    while (!(await lookOnce())) {}
  }

  /** False when a segment was deleted meanwhile. */
  async function lookOnce(): Promise<boolean> {
    const numbers = numbersIn(await listIfThere(files, layout.logs), logShape)
    // What was moved out of a segment before it was deleted is in the lines that follow.
    for (const segment of contents.sizes.keys()) if (!numbers.includes(segment)) await drop(segment)
    let complete = true
    for (const segment of numbers) {
      if (segment < contents.segment) continue
      if (segment > contents.segment) {
        contents.begin(segment)
        mark = { offset: 0, n: 0 }
        seen = undefined
      }
      const read = await readOn(segment, segment === numbers.at(-1))
      if (read === 'taken back') {
        await startOver()
        return true
      }
      if (read === 'deleted') complete = false
    }
    return complete
  }

  async function drop(segment: number): Promise<void> {
    contents.drop(segment)
    await segments.release(segment)
  }

  async function readOn(segment: number, newest: boolean): Promise<'done' | 'taken back' | 'deleted'> {
    const file = await openUnlessGone(segment)
    if (file === undefined) return 'deleted'
    try {
      const size = await file.size()
      if (size < mark.offset || (seen !== undefined && (await checksumAt(file, seen.offset)) !== seen.checksum)) return 'taken back'
      if (size === mark.offset) return 'done'
      let last: number | undefined
      const visit = (line: Line, offset: number, length: number) => {
        absorbLine(contents, store, segment, line, offset, length)
        if (line.commit !== undefined) for (const { stream, version } of line.changes) options.changed(stream, version)
        last = offset
      }
      const scanned = await scan(file, mark, visit)
      if (scanned.damaged && !newest) {
        logger.warn('Acknowledged data is damaged and left out', { path: logName(segment), offset: scanned.offset })
      }
      mark = scanned
      contents.measure(segment, mark.offset)
      if (last !== undefined) seen = { offset: last, checksum: await checksumAt(file, last) }
      return 'done'
    } finally {
      await file.close()
    }
  }

  async function openUnlessGone(segment: number): Promise<OpenFile | undefined> {
    try {
      return await files.open(layout.log(segment), 'read')
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  async function startOver(): Promise<void> {
    ;({ contents, mark } = await recoverBeside(options))
    seen = undefined
    options.changedAll()
  }

  /** One look at a time; one that is under way may have missed what the next is asked for. */
  const refresh = () => {
    const next = (looking?.catch(() => undefined) ?? Promise.resolve()).then(look).finally(() => {
      if (looking === next) looking = undefined
    })
    looking = next
    return next
  }
  const schedule = () => {
    timer = clock.setTimeout(() => {
      schedule()
      if (looking !== undefined) return
      refresh().catch((error: unknown) => logger.warn('The store was not looked at; it is tried again', { error }))
    }, pollInterval)
  }
  schedule()

  return {
    get contents() {
      return contents
    },
    refresh,
    async settled() {
      while (looking !== undefined) await looking.catch(() => undefined)
    },
    async close() {
      clock.clearTimeout(timer)
      await looking?.catch(() => undefined)
    },
  }
}

/** The writer may delete a segment between the list and the reading: then the list is old, and another look shows a newer one. */
async function recoverBeside(options: Recovery): Promise<Recovered> {
  for (;;) {
    const before = await listIfThere(options.files, options.layout.logs)
    try {
      return await recover(options)
    } catch (error) {
      const after = await listIfThere(options.files, options.layout.logs)
      if (systemCode(error) !== 'ENOENT' || before.every(name => after.includes(name))) throw error
    }
  }
}

const checksumLength = 8

async function checksumAt(file: OpenFile, offset: number): Promise<string> {
  return Buffer.from(await file.read(checksumLength, offset)).toString('latin1')
}
