import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { type Adapter, Low } from 'lowdb'
import { systemCode } from './failures.ts'
import type { Files, OpenFile } from './files.ts'

/** How a document is written as text, and read back. */
export interface Codec<T> {
  /** In pieces, each quickly made. */
  encode(data: T): Iterable<string>
  /** Undefined when the text is damaged. */
  decode(bytes: Buffer): Promise<T | undefined>
}

/** A lowdb document that is replaced as a whole and durably. Its data is null while it is absent or damaged. */
export async function openDocument<T>(files: Files, name: string, codec: Codec<T>): Promise<Low<T | null>> {
  const document = new Low<T | null>(durableAdapter(files, name, codec), null)
  await document.read()
  return document
}

export async function writeDocument<T>(files: Files, name: string, codec: Codec<T>, data: T): Promise<void> {
  await new Low<T | null>(durableAdapter(files, name, codec), data).write()
}

function durableAdapter<T>(files: Files, name: string, codec: Codec<T>): Adapter<T | null> {
  return {
    async read() {
      const bytes = await wholeFile(files, name)
      return bytes === undefined ? null : ((await codec.decode(bytes)) ?? null)
    },
    async write(data) {
      if (data !== null) await replaceFile(files, name, codec.encode(data))
    },
  }
}

export async function wholeFile(files: Files, name: string): Promise<Buffer | undefined> {
  let file: OpenFile
  try {
    file = await files.open(name, 'read')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const bytes = await file.read(await file.size(), 0)
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  } finally {
    await file.close()
  }
}

/** Either the former bytes are under that name or all of the new ones, whenever the power fails. */
async function replaceFile(files: Files, name: string, pieces: Iterable<string>): Promise<void> {
  const unfinished = `${name}.${randomBytes(8).toString('hex')}.unfinished`
  const file = await files.open(unfinished, 'create')
  try {
    try {
      let position = 0
      for (const piece of pieces) position += await writeAll(file, Buffer.from(piece), position)
      await file.sync()
    } finally {
      await file.close()
    }
    await files.rename(unfinished, name)
  } catch (error) {
    // What can not be removed either is cleared away at the next open.
    await files.remove(unfinished).catch(() => undefined)
    throw error
  }
  await files.syncDirectory(path.dirname(name))
}

/** Writes on until every byte is written, and returns how many there were. */
export async function writeAll(file: OpenFile, bytes: Uint8Array, position: number): Promise<number> {
  for (let written = 0; written < bytes.length; ) {
    const more = await file.write(bytes.subarray(written), position + written)
    if (more === 0) throw Object.assign(new Error('The file takes no more bytes.'), { code: 'ENOSPC' })
    written += more
  }
  return bytes.length
}
