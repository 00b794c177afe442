import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Files } from '../../../src/adapters/lowdb/files.ts'
import { nodeFiles } from '../../../src/adapters/lowdb/node-files.ts'
import { createDisk } from './disk.ts'
import { randomFrom } from './random.ts'

const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString())
const bytes = (content: string) => new Uint8Array(Buffer.from(content))

/** What each step of a walk through a file system answers. */
async function answers(files: Files, root: string): Promise<unknown[]> {
  const found: unknown[] = []
  const note = async (work: Promise<unknown>) => {
    found.push(
      await work.then(
        answer =>
          answer instanceof Uint8Array
            ? text(answer)
            : Array.isArray(answer)
              ? answer.sort()
              : typeof answer === 'object'
                ? 'opened'
                : answer,
        (error: unknown) => (error as { code: unknown }).code,
      ),
    )
  }
  const at = (name: string) => path.join(root, name)
  await note(files.list(at('a')))
  await note(files.open(at('a/one'), 'create'))
  await files.makeDirectory(at('a/b'))
  await files.makeDirectory(at('a/b'))
  await note(files.open(at('a/one'), 'read'))
  await note(files.open(at('a/one'), 'write'))
  const file = await files.open(at('a/one'), 'create')
  await note(files.open(at('a/one'), 'create'))
  await note(file.write(bytes('hello world'), 0))
  await note(file.write(bytes('W'), 6))
  await note(file.read(100, 0))
  await note(file.read(3, 6))
  await note(file.read(3, 100))
  await note(file.truncate(5))
  await note(file.size())
  await note(file.truncate(7))
  await note(file.read(10, 0))
  await note(file.write(bytes('!'), 9))
  await note(file.read(100, 0))
  await note(file.sync())
  await note(files.list(at('a')))
  await files.rename(at('a/one'), at('a/two'))
  await note(files.list(at('a')))
  await note(files.rename(at('a/one'), at('a/three')))
  await files.open(at('a/one'), 'create').then(other => other.close())
  await files.rename(at('a/two'), at('a/one'))
  await note(file.read(100, 0))
  await note(files.open(at('a/one'), 'read').then(async other => other.read(5, 0)))
  await files.syncDirectory(at('a'))
  await files.remove(at('a/one'))
  await note(file.size())
  await note(files.list(at('a')))
  await file.close()
  return found
}

describe('the disk in memory', () => {
  it('answers as a real one does', async () => {
    const root = await mkdtemp(path.join(tmpdir(), 'lifechart-disk-'))
    try {
      const disk = createDisk()
      await disk.files.makeDirectory('/root')
      expect(await answers(disk.files, '/root')).toEqual(await answers(nodeFiles, root))
    } finally {
      await rm(root, { recursive: true })
    }
  })

  it('keeps through a power cut what was synced, and may lose or tear anything else', async () => {
    const seen = new Set<string | undefined>()
    for (let seed = 1; seed <= 200; seed++) {
      const disk = createDisk()
      await disk.files.makeDirectory('/root')
      await disk.files.syncDirectory('/')
      const file = await disk.files.open('/root/file', 'create')
      await disk.files.syncDirectory('/root')
      await file.write(bytes('safe'), 0)
      await file.sync()
      await file.write(bytes('1'), 4)
      await file.write(bytes('2'), 5)
      disk.cutPower(randomFrom(seed))
      await file.write(bytes('dead'), 0)
      const left = text(disk.snapshot().get('/root/file'))
      expect(left).toMatch(/^safe/)
      seen.add(left)
    }
    expect(seen).toEqual(new Set(['safe', 'safe1', 'safe12', 'safe\x00', 'safe\x002']))
  })

  it('may lose through a power cut a name, a new name or a removal until the directory is synced', async () => {
    const seen = new Set<string>()
    for (let seed = 1; seed <= 100; seed++) {
      const disk = createDisk()
      await disk.files.makeDirectory('/root')
      await disk.files.syncDirectory('/')
      await disk.files.open('/root/old', 'create')
      await disk.files.syncDirectory('/root')
      await disk.files.open('/root/new', 'create')
      await disk.files.rename('/root/old', '/root/renamed')
      disk.cutPower(randomFrom(seed))
      seen.add(
        [...disk.snapshot().keys()]
          .map(name => path.basename(name))
          .sort()
          .join(' '),
      )
    }
    expect(seen).toEqual(new Set(['old', 'new old', 'renamed', 'new renamed']))
  })
})
