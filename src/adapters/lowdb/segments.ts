import { systemCode } from './failures.ts'
import type { Files, OpenFile } from './files.ts'
import type { Layout } from './layout.ts'
import type { Place } from './place.ts'

/** The files of the log, opened for reading when they are needed and at most so many at once. */
export interface Segments {
  /** Undefined when the segment is gone or shorter than that. */
  read(place: Place): Promise<Buffer | undefined>
  /** Closes a segment's file, after those who read it. */
  release(segment: number): Promise<void>
  close(): Promise<void>
}

const openFiles = 32

interface Opened {
  file: Promise<OpenFile | undefined>
  readers: number
  released: boolean
}

export function createSegments(files: Files, layout: Layout): Segments {
  const opened = new Map<number, Opened>()

  const openOne = (segment: number): Opened => {
    const missing = (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
    return { file: files.open(layout.log(segment), 'read').catch(missing), readers: 0, released: false }
  }
  const closeOne = async ({ file }: Opened) => (await file)?.close()
  const forget = (segment: number, one: Opened) => {
    one.released = true
    if (opened.get(segment) === one) opened.delete(segment)
  }
  const release = async (segment: number) => {
    const one = opened.get(segment)
    if (one === undefined) return
    forget(segment, one)
    if (one.readers === 0) await closeOne(one)
  }

  return {
    async read({ segment, offset, length }) {
      const one = opened.get(segment) ?? openOne(segment)
      // The one that was used last is the last to be closed.
      opened.delete(segment)
      opened.set(segment, one)
      one.readers++
      let file: OpenFile | undefined
      try {
        if (opened.size > openFiles) await release(opened.keys().next().value!)
        file = await one.file
        const bytes = await file?.read(length, offset)
        return bytes?.length === length ? Buffer.from(bytes.buffer, bytes.byteOffset, length) : undefined
      } finally {
        if (file === undefined) forget(segment, one)
        if (--one.readers === 0 && one.released) await file?.close()
      }
    },
    release,
    async close() {
      for (const segment of [...opened.keys()]) await release(segment)
    },
  }
}
