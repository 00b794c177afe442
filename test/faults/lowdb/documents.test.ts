import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import { describe, expect, it, vi } from 'vitest'
import { isLifechartError } from '../../../src/errors.ts'
import { createDisk, type Disk } from './disk.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { randomFrom } from './random.ts'
import { play, script } from './script.ts'
import { directory, expectSound, openStore } from './store.ts'

// Long, and longer on a busy machine.
vi.setConfig({ testTimeout: 300_000 })

const storeDocument = `${directory}/store.json`
const encode = (text: string) => new TextEncoder().encode(text)
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

type Bytes = ReadonlyMap<string, Uint8Array>

async function written(): Promise<{ bytes: Bytes; ledger: Ledger }> {
  const disk = createDisk()
  const ledger = createLedger()
  const store = await openStore(disk.files)
  const session = await store.adapter.session('here', 60_000)
  await play(store.adapter, ledger, script(session.id), store.clock)
  await store.adapter.close()
  return { bytes: disk.snapshot(), ledger }
}

const { bytes, ledger } = await written()
const documents = [...bytes.keys()].filter(name => name.endsWith('.json'))

/** The store with some of its files replaced or, by undefined, gone. */
function changed(files: Record<string, Uint8Array | undefined>): Disk {
  const disk = createDisk(bytes)
  for (const [name, content] of Object.entries(files)) disk.plant(name, content)
  return disk
}

async function expectWhole(disk: Disk): Promise<void> {
  const { adapter } = await openStore(disk.files)
  await ledger.settle(adapter)
  await adapter.close()
  const again = await openStore(disk.files)
  await ledger.settle(again.adapter)
}

const damages: Record<string, (text: string) => string> = {
  'is empty': () => '',
  'is cut in the middle': text => text.slice(0, text.length / 2),
  'lacks its last byte': text => text.trimEnd().slice(0, -1),
  'is cut after the first byte': text => text.slice(0, 1),
  'is not JSON': () => 'not JSON\n',
  'is null': () => 'null',
  'is a list': () => '[]',
  'is a number': () => '1e999',
  'is a string': () => '"index"',
  'is an empty object': () => '{}',
  'is full of zeros': text => '\0'.repeat(text.length),
  'is nested deeper than the stack': () => `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
  'sets a prototype': text => `{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},${text.trim().slice(1)}`,
  'has rubbish behind it': text => `${text}{}`,
}

describe('a document, which is a cache, that', () => {
  for (const [title, damage] of Object.entries(damages)) {
    it(`${title} is made again from the segments`, async () => {
      for (const name of documents) await expectWhole(changed({ [name]: encode(damage(decode(bytes.get(name)!))) }))
      await expectWhole(changed(Object.fromEntries(documents.map(name => [name, encode(damage(decode(bytes.get(name)!)))]))))
      expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    })
  }

  it('is missing is made again from the segments, also when all of them are', async () => {
    expect(documents.length).toBeGreaterThan(2)
    for (const name of documents) await expectWhole(changed({ [name]: undefined }))
    await expectWhole(changed(Object.fromEntries(documents.map(name => [name, undefined]))))
  })

  it('belongs to another segment is not believed', async () => {
    const indexes = documents.filter(name => name !== storeDocument)
    for (const [i, name] of indexes.entries()) await expectWhole(changed({ [name]: bytes.get(indexes[(i + 1) % indexes.length]!)! }))
  })

  it('is left half written under a temporary name is cleaned up or ignored', async () => {
    const leftovers = documents.flatMap(name => [`${name}.tmp`, `${name}.1234.tmp`, name.replace(/[^/]+$/, base => `.${base}.tmp`)])
    const disk = changed(Object.fromEntries(leftovers.map(name => [name, encode('{"half":')])))
    await expectWhole(disk)
  })
})

describe('a document with a wrong value anywhere', () => {
  const values: unknown[] = [
    null,
    -1,
    0,
    1,
    0.5,
    1e308,
    2 ** 53,
    '',
    'x',
    '__proto__',
    '../x',
    true,
    [],
    {},
    [[]],
    { __proto__: null, length: -1 },
  ]

  type Path = readonly (string | number)[]
  function paths(value: unknown, at: Path = []): Path[] {
    if (typeof value !== 'object' || value === null) return [at]
    return [at, ...Object.entries(value).flatMap(([name, inner]) => paths(inner, [...at, name]))]
  }
  function replaced(value: unknown, [first, ...rest]: Path, by: unknown): unknown {
    if (first === undefined) return by
    const copy: Record<string | number, unknown> = Array.isArray(value) ? ([...value] as never) : { ...(value as object) }
    copy[first] = replaced(copy[first], rest, by)
    return copy
  }

  it('never makes the store smaller, and never an error that is not ours (800 random ones)', async () => {
    const places = documents.flatMap(name => {
      // A document may have a line of its own for its checksum.
      const parsed: unknown = JSON.parse(decode(bytes.get(name)!))
      return paths(parsed).map(path => ({ name, parsed, path }))
    })
    for (let seed = 1; seed <= 800; seed++) {
      const random = randomFrom(seed)
      const { name, parsed, path } = random.pick(places)
      const value = random.pick(values)
      try {
        await expectWhole(changed({ [name]: encode(JSON.stringify(replaced(parsed, path, value))) }))
      } catch (error) {
        if (isLifechartError(error, 'STORE_CORRUPT', 'STORE_VERSION')) continue
        const where = `seed ${seed}: ${name} ${path.join('.')} = ${JSON.stringify(value)}`
        throw new Error(`${where}: ${error instanceof Error ? error.message : error}`, { cause: error })
      }
    }
    expect(({} as Record<string, unknown>).length).toBeUndefined()
  })

  type Document = { rows: unknown[]; crc?: unknown }
  function seal({ rows, crc: _, ...rest }: Document): Uint8Array {
    const body = `${JSON.stringify(rest).slice(0, -1)},"rows":[\n${rows.map(row => JSON.stringify(row)).join(',\n')}\n`
    return encode(`${body}],"crc":"${crc32(body).toString(16).padStart(8, '0')}"}\n`)
  }

  it('and a right checksum makes no error that is not ours either (800 random ones)', async () => {
    const indexes = documents.filter(name => name !== storeDocument)
    for (const name of indexes) assert.deepEqual(seal(JSON.parse(decode(bytes.get(name)!))), bytes.get(name))
    let believed = 0
    for (let seed = 1; seed <= 800; seed++) {
      const random = randomFrom(seed)
      const name = random.pick(indexes)
      const document: Document = JSON.parse(decode(bytes.get(name)!))
      const hostile = replaced(document, random.pick(paths(document).slice(1)), random.pick(values)) as Document
      if (!Array.isArray(hostile.rows)) continue
      try {
        const { adapter } = await openStore(changed({ [name]: seal(hostile) }).files)
        believed++
        for (const id of Object.keys(ledger.picture().streams)) {
          const stored = await adapter.load(id)
          if (stored !== undefined) await adapter.read(id, { after: stored.floor, limit: 100 })
        }
        await adapter.query({ limit: 100 })
        await adapter.close()
      } catch (error) {
        assert.ok(isLifechartError(error), `seed ${seed}: ${error instanceof Error ? error.stack : error}`)
      }
    }
    expect(believed).toBeGreaterThan(400)
    expect(({} as Record<string, unknown>).length).toBeUndefined()
  })
})

describe('a store of a newer format', () => {
  async function expectRefused(disk: Disk): Promise<void> {
    const before = disk.snapshot()
    for (const readOnly of [false, true]) {
      const refusal = await openStore(disk.files, { readOnly }).catch((error: unknown) => error)
      assert.ok(isLifechartError(refusal, 'STORE_VERSION'), `${refusal}`)
      assert.deepEqual(disk.snapshot(), before)
    }
  }

  it('is refused with STORE_VERSION and not touched', async () => {
    const document = JSON.parse(decode(bytes.get(storeDocument)!))
    assert.equal(document.format, 1)
    await expectRefused(changed({ [storeDocument]: encode(JSON.stringify({ ...document, format: 2 })) }))
  })

  it('is refused without its documents as well: its segments say so too', async () => {
    const segments = [...bytes.keys()].filter(name => name.endsWith('.log'))
    const newer = segments.map(name => {
      const text = decode(bytes.get(name)!)
      const end = text.indexOf('\n')
      // crc length {header}
      const [, length = '', ...header] = text.slice(0, end).split(' ')
      const body = header.join(' ').replace('"format":1', '"format":2')
      const line = `${crc32(body).toString(16).padStart(8, '0')} ${length} ${body}`
      return [name, encode(line + text.slice(end))] as const
    })
    await expectRefused(changed({ ...Object.fromEntries(newer), ...Object.fromEntries(documents.map(name => [name, undefined])) }))
  })
})

describe('a directory', () => {
  it('with foreign files in it is opened, and they are left alone', async () => {
    const own = await written()
    const disk = createDisk(own.bytes)
    const foreign = ['README.md', '.DS_Store', 'index/notes.txt'].map(name => `${directory}/${name}`)
    for (const name of foreign) disk.plant(name, encode('mine'))
    await expectSound(disk, own.ledger)
    for (const name of foreign) expect(disk.snapshot().get(name)).toEqual(encode('mine'))
  })
})
