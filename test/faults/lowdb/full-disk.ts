import type { Files, OpenFile } from '../../../src/adapters/lowdb/files.ts'

export interface Volume {
  files: Files
  /** How many more bytes fit; writes are cut short at it, then refused. */
  room: number
}

/** The same files on a volume that can run full. */
export function withRoom(files: Files): Volume {
  const full = () => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' })

  const opened = (file: OpenFile): OpenFile => ({
    ...file,
    async write(bytes, position) {
      const grows = Math.max(0, position + bytes.length - (await file.size()))
      const fits = bytes.length - Math.max(0, grows - volume.room)
      if (fits <= 0) throw full()
      const before = await file.size()
      const written = await file.write(bytes.subarray(0, fits), position)
      volume.room -= (await file.size()) - before
      return written
    },
    async truncate(length) {
      const before = await file.size()
      await file.truncate(length)
      volume.room += before - length
    },
  })
  const volume: Volume = {
    room: Number.POSITIVE_INFINITY,
    files: { ...files, open: async (name, mode) => opened(await files.open(name, mode)) },
  }
  return volume
}
