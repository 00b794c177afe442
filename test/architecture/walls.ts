import { posix } from 'node:path'
import { readSource, type Source } from './source.ts'

interface Room {
  /** A file, or a folder with its slash, below src; the first that fits is a file's room. */
  at: string
  /** Files and folders below src, packages, and `node:`; with an exclamation mark what they do not open. */
  may: readonly string[]
  /** Of what is outside the room, only types: nothing of it is loaded with the room. */
  typesOnly?: true
}

const adapter = ['adapters/catalogue', 'kernel/port.ts', 'errors.ts', 'node:']
const face = ['', '!index.ts', '!adapters/lowdb/', '!testing/', 'xstate', 'rxjs', 'node:']

/** The only files that touch the machine's own time and chance. */
const clocks = ['kernel/clock.ts', 'client/clock.ts']

const rooms: readonly Room[] = [
  { at: 'errors.ts', may: [] },
  { at: 'limits.ts', may: ['errors.ts', 'kernel/'] },
  { at: 'index.ts', may: face },
  { at: 'lifechart.ts', may: face },
  { at: 'actors.ts', may: face },
  { at: 'lifecycle.ts', may: face },
  { at: 'explain.ts', may: face },
  { at: 'machines/', may: ['machines/', 'xstate'] },
  { at: 'kernel/port.ts', may: ['errors.ts', 'kernel/environment.ts'] },
  { at: 'kernel/', may: ['kernel/', 'errors.ts', 'xstate', 'rxjs', 'node:'] },
  { at: 'runs/', may: ['runs/', 'kernel/', 'machines/', 'errors.ts', 'xstate', 'rxjs'] },
  { at: 'tasks/', may: ['tasks/', 'kernel/', 'machines/', 'errors.ts', 'xstate', 'node:'] },
  { at: 'a2a/', may: ['a2a/', 'tasks/', 'kernel/', 'lifechart.ts', 'errors.ts', '@a2a-js/sdk', 'node:'] },
  { at: 'http/', may: ['http/', 'runs/', 'kernel/', 'lifechart.ts', 'errors.ts'] },
  { at: 'client/', may: ['client/', 'runs/events.ts'], typesOnly: true },
  { at: 'adapters/catalogue', may: adapter },
  { at: 'adapters/memory', may: ['adapters/memory', ...adapter] },
  { at: 'adapters/lowdb/', may: ['adapters/lowdb/', 'lowdb', ...adapter] },
  {
    at: 'testing/',
    may: [
      'testing/',
      'machines/',
      'kernel/port.ts',
      'kernel/environment.ts',
      'errors.ts',
      'index.ts',
      'adapters/memory.ts',
      'xstate',
      'node:',
    ],
  },
]

/** What is wrong with a house of these files, named by their path below src: one sentence for each. */
export function inspect(files: ReadonlyMap<string, string>): string[] {
  const sources = new Map([...files].map(([path, text]) => [path, readSource(text)]))
  return [...[...sources].flatMap(([path, source]) => inspectFile(path, source)), ...cycles(sources)]
}

function inspectFile(path: string, { imports, hasDefaultExport, ambient }: Source): string[] {
  const room = rooms.find(({ at }) => path.startsWith(at))
  if (!room) return [`${path} is in no room: give it one in test/architecture/walls.ts`]
  const found = imports.flatMap(({ specifier, typeOnly }) => {
    if (specifier === undefined) return [`${path} imports what only the running program knows`]
    const target = resolve(path, specifier)
    if (!isOpen(room, target)) return [`${path} imports ${target}`]
    return room.typesOnly && !typeOnly && !target.startsWith(room.at) ? [`${path} imports more than types of ${target}`] : []
  })
  if (hasDefaultExport) found.push(`${path} has a default export`)
  if (!clocks.includes(path)) found.push(...ambient.map(name => `${path} uses ${name}`))
  return found
}

/** A path below src, or the specifier itself when it names a package. */
function resolve(from: string, specifier: string): string {
  return specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : specifier
}

function isOpen({ may }: Room, target: string): boolean {
  const isFile = target.endsWith('.ts')
  const fits = (entry: string) => {
    if (entry === 'node:') return target.startsWith(entry)
    if (isFile)
      return (entry === '' || entry.includes('/') || entry.endsWith('.ts')) && target.startsWith(entry) && !target.startsWith('..')
    return target === entry || (entry !== '' && target.startsWith(`${entry}/`))
  }
  return may.some(entry => !entry.startsWith('!') && fits(entry)) && !may.some(entry => entry.startsWith('!') && fits(entry.slice(1)))
}

/** Each circle of files that need each other while they load, once. */
function cycles(sources: ReadonlyMap<string, Source>): string[] {
  const found = new Set<string>()
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path)
    if (start >= 0) found.add(`${[...trail.slice(start), path].join(' → ')} is a cycle`)
    if (start >= 0 || done.has(path)) return
    for (const { specifier, typeOnly } of sources.get(path)?.imports ?? []) {
      if (!typeOnly && specifier?.startsWith('.')) visit(resolve(path, specifier), [...trail, path])
    }
    done.add(path)
  }
  for (const path of sources.keys()) visit(path, [])
  return [...found]
}
