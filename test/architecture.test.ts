import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { inspect } from './architecture/walls.ts'

const home = fileURLToPath(new URL('..', import.meta.url))

interface Manifest {
  exports: Record<string, { types: string; default: string }>
  dependencies: Record<string, string>
  peerDependencies?: Record<string, string>
}
const manifest = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as Manifest

describe('the house', () => {
  it('holds its walls', async () => {
    const files = await readSources()
    expect(files.size).toBeGreaterThan(10)
    expect(inspect(files)).toEqual([])
  })

  it('builds no regular expression from text', async () => {
    const building = /\bRegExp\(/
    expect(building.test('new RegExp(text)')).toBe(true)
    expect([...(await readSources())].flatMap(([name, text]) => (building.test(text) ? [name] : []))).toEqual([])
  })

  it('exports only what exists', () => {
    const built = Object.values(manifest.exports).flatMap(({ types, default: code }) => [
      types.replace(/\.d\.ts$/, '.ts'),
      code.replace(/\.js$/, '.ts'),
    ])
    expect(built.length).toBeGreaterThan(0)
    const missing = built.map(path => path.replace('./dist/', 'src/')).filter(path => !existsSync(join(home, path)))
    expect([...new Set(missing)]).toEqual([])
  })

  it('needs four packages and no more, XState in exactly one version', () => {
    expect(Object.keys(manifest.dependencies).sort()).toEqual(['@xstate/store', 'lowdb', 'rxjs', 'xstate'])
    expect(manifest.dependencies.xstate).toMatch(/^\d+\.\d+\.\d+$/)
  })
})

describe('the inspection of the house', () => {
  it.each([
    ['machines/run.ts', `import { Subject } from 'rxjs'`, 'rxjs'],
    ['machines/run.ts', `import { LifechartError } from '../errors.ts'`, 'errors.ts'],
    ['kernel/host/host.ts', `import type { RunContext } from '../../machines/run.ts'`, 'machines/run.ts'],
    ['kernel/host/host.ts', `import { memoryAdapter } from '../../adapters/memory.ts'`, 'adapters/memory.ts'],
    ['kernel/port.ts', `export type { Stream } from './stream/stream.ts'`, 'kernel/stream/stream.ts'],
    ['kernel/port.ts', `import { hash } from 'node:crypto'`, 'node:crypto'],
    ['runs/lanes.ts', `import { memoryAdapter } from '../adapters/memory.ts'`, 'adapters/memory.ts'],
    ['runs/lanes.ts', `import { openLifechart } from '../index.ts'`, 'index.ts'],
    ['adapters/memory.ts', `import { createIds } from '../kernel/ids.ts'`, 'kernel/ids.ts'],
    ['adapters/memory.ts', `import { openFile } from './lowdb/files.ts'`, 'adapters/lowdb/files.ts'],
    ['adapters/memory.ts', `import { Low } from 'lowdb'`, 'lowdb'],
    ['adapters/lowdb/index.ts', `import { memoryAdapter } from '../memory.ts'`, 'adapters/memory.ts'],
    ['adapters/catalogue/keys.ts', `import { Low } from 'lowdb'`, 'lowdb'],
    ['client/follow.ts', `import type { Clock } from '../kernel/environment.ts'`, 'kernel/environment.ts'],
    ['client/follow.ts', `import { Buffer } from 'node:buffer'`, 'node:buffer'],
    ['testing/index.ts', `import { Stream } from '../kernel/stream/stream.ts'`, 'kernel/stream/stream.ts'],
    ['testing/index.ts', `import { lowdbAdapter } from '../adapters/lowdb/index.ts'`, 'adapters/lowdb/index.ts'],
    ['index.ts', `export { lowdbAdapter } from './adapters/lowdb/index.ts'`, 'adapters/lowdb/index.ts'],
    ['index.ts', `export * from './testing/index.ts'`, 'testing/index.ts'],
    ['lifechart.ts', `import { Low } from 'lowdb/node'`, 'lowdb/node'],
    ['actors.ts', `import { openLifechart } from './index.ts'`, 'index.ts'],
    ['errors.ts', `import type { Json } from './kernel/port.ts'`, 'kernel/port.ts'],
    ['kernel/host/host.ts', `type Run = import('../../machines/run.ts').RunContext`, 'machines/run.ts'],
    ['kernel/host/host.ts', `const run = await import('../../machines/run.ts')`, 'machines/run.ts'],
    ['kernel/host/host.ts', `import '../../../test/charts.test.ts'`, '../test/charts.test.ts'],
    ['kernel/host/host.ts', `import {\n  // what's here\n  a,\n} from\n  'lowdb'`, 'lowdb'],
  ])('finds the hole when %s says %j', (path, text, target) => {
    expect(inspect(new Map([[path, text]]))).toEqual([`${path} imports ${target}`])
  })

  it('lets pass what the walls allow', () => {
    const files = new Map([
      ['machines/run.ts', `import { setup } from 'xstate'`],
      [
        'kernel/host/host.ts',
        `import { getShortestPaths } from 'xstate/graph'\nimport { Subject } from 'rxjs'\nimport { hash } from 'node:crypto'`,
      ],
      ['runs/lanes.ts', `import { runMachine } from '../machines/run.ts'\nimport { LifechartError } from '../errors.ts'`],
      [
        'adapters/lowdb/index.ts',
        `import { Low } from 'lowdb'\nimport type { Commit } from '../../kernel/port.ts'\nimport '../catalogue/keys.ts'`,
      ],
      ['testing/index.ts', `export { openLifechart } from '../index.ts'`],
      ['index.ts', `export * from './runs/lanes.ts'\nexport * from './adapters/memory.ts'`],
      ['kernel/text.ts', `export const text = "import { Low } from 'lowdb'" // import { Low } from 'lowdb'`],
    ])
    expect(inspect(files)).toEqual([])
  })

  it('finds more than types where only types may come in', () => {
    const files = (text: string) => new Map([['client/follow.ts', text]])
    expect(inspect(files(`import { type RunEvent } from '../runs/events.ts'`))).toEqual([
      'client/follow.ts imports more than types of runs/events.ts',
    ])
    expect(inspect(files(`import type { RunEvent } from '../runs/events.ts'\nimport { connect } from './connection.ts'`))).toEqual([])
  })

  it('finds an import that is computed', () => {
    expect(inspect(new Map([['kernel/plugins.ts', 'await import(name)']]))).toEqual([
      'kernel/plugins.ts imports what only the running program knows',
    ])
  })

  it('finds a file that is in no room', () => {
    expect(inspect(new Map([['helpers/all.ts', '']]))).toEqual(['helpers/all.ts is in no room: give it one in test/architecture/walls.ts'])
  })

  it('finds cycles, those through a name that is imported as a type beside values too', () => {
    const files = new Map([
      ['kernel/a.ts', `import { b } from './b.ts'`],
      ['kernel/b.ts', `export * from './c.ts'`],
      ['kernel/c.ts', `import { type A } from './a.ts'`],
      ['kernel/own.ts', `import { own } from './own.ts'`],
    ])
    expect(inspect(files)).toEqual([
      'kernel/a.ts → kernel/b.ts → kernel/c.ts → kernel/a.ts is a cycle',
      'kernel/own.ts → kernel/own.ts is a cycle',
    ])
  })

  it('takes no offence at files that know each other by type only, or share what they need', () => {
    const files = new Map([
      ['kernel/a.ts', `import { b } from './b.ts'\nimport { c } from './c.ts'`],
      ['kernel/b.ts', `import type { A } from './a.ts'\nimport { c } from './c.ts'`],
      ['kernel/c.ts', `export type { B } from './b.ts'`],
    ])
    expect(inspect(files)).toEqual([])
  })

  it.each(['export default 1', 'const a = 1\nexport { a as default }', `export { default } from './b.ts'`])(
    'finds a default export: %j',
    text => {
      expect(inspect(new Map([['kernel/a.ts', text]]))).toEqual(['kernel/a.ts has a default export'])
    },
  )

  it.each([
    ['const now = Date.now()', 'Date.now'],
    ['const now = Date.now', 'Date.now'],
    ['const now = new Date()', 'new Date()'],
    ['const chance = Math.random()', 'Math.random'],
    ['setTimeout(() => {}, 1)', 'setTimeout'],
    ['setInterval(() => {}, 1)', 'setInterval'],
    ['globalThis.setTimeout(() => {}, 1)', 'globalThis.setTimeout'],
  ])('finds time and chance that are not injected: %s', (text, name) => {
    expect(inspect(new Map([['kernel/a.ts', text]]))).toEqual([`kernel/a.ts uses ${name}`])
    expect(inspect(new Map([['kernel/clock.ts', text]]))).toEqual([])
    expect(inspect(new Map([['client/clock.ts', text]]))).toEqual([])
  })

  it('lets the injected clock be used', () => {
    expect(inspect(new Map([['kernel/a.ts', 'clock.setTimeout(() => {}, clock.now())\nnew Date(0)']]))).toEqual([])
  })
})

/** Every file below src, by its path there. */
async function readSources(): Promise<Map<string, string>> {
  const names = (await readdir(join(home, 'src'), { recursive: true })).filter(name => name.endsWith('.ts'))
  return new Map(
    await Promise.all(
      names
        .sort()
        .map(async (name): Promise<[string, string]> => [name.replaceAll(sep, '/'), await readFile(join(home, 'src', name), 'utf8')]),
    ),
  )
}
