import fs from 'node:fs'
import { promisify } from 'node:util'
import { systemCode } from './failures.ts'
import type { Files, OpenFile } from './files.ts'

const openFile = promisify(fs.open)
const closeFile = promisify(fs.close)
const readFile = promisify(fs.read)
const writeFile = promisify(fs.write)
const fdatasync = promisify(fs.fdatasync)
const fsync = promisify(fs.fsync)
const ftruncate = promisify(fs.ftruncate)
const fstat = promisify(fs.fstat)

const flags = { read: 'r', write: 'r+', create: 'wx+' } as const

/** The file system of the machine. */
export const nodeFiles: Files = {
  async open(path, mode) {
    return opened(await openFile(path, flags[mode], 0o600))
  },
  async makeDirectory(path) {
    await fs.promises.mkdir(path, { recursive: true, mode: 0o700 })
    const { mode } = await fs.promises.stat(path)
    if ((mode & 0o077) === 0) return
    try {
      await fs.promises.chmod(path, 0o700)
    } catch (error) {
      // Whose it is decides who may enter it.
      if (systemCode(error) !== 'EPERM') throw error
    }
  },
  list: path => fs.promises.readdir(path),
  rename: (from, to) => fs.promises.rename(from, to),
  remove: path => fs.promises.unlink(path),
  async syncDirectory(path) {
    // Windows opens no directories, and makes names durable by itself.
    if (process.platform === 'win32') return
    const descriptor = await openFile(path, 'r')
    try {
      await fsync(descriptor)
    } finally {
      await closeFile(descriptor)
    }
  },
}

function opened(descriptor: number): OpenFile {
  return {
    async read(length, position) {
      const bytes = Buffer.allocUnsafe(length)
      let filled = 0
      while (filled < length) {
        const { bytesRead } = await readFile(descriptor, bytes, filled, length - filled, position + filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      return bytes.subarray(0, filled)
    },
    async write(bytes, position) {
      return (await writeFile(descriptor, bytes, 0, bytes.length, position)).bytesWritten
    },
    sync: () => fdatasync(descriptor),
    truncate: length => ftruncate(descriptor, length),
    size: async () => (await fstat(descriptor)).size,
    close: () => closeFile(descriptor),
  }
}
