import { mkdirSync, realpathSync, statSync } from 'node:fs'
import { relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { contains } from './confine.ts'
import { printable } from './printable.ts'
import { skipped } from './walk.ts'

export interface ServeOptions {
  /** 0 is any free one. */
  port: number
  /** 0 is any free one. */
  grpcPort: number
  /** The real path of what may be surveyed. */
  root: string
  /** The real path of the store. */
  data: string
}

/** Something the caller has to write in another way; the message says what. */
export class UsageError extends Error {}

/** What the server is started with: --port, --grpc-port, --dir, --data. The directory of the store is made. Throws a `UsageError`. */
export function readOptions(args: readonly string[]): ServeOptions {
  const { port, 'grpc-port': grpcPort, dir, data: store } = parsed(args)
  checkPort('--port', port)
  checkPort('--grpc-port', grpcPort)
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory()) throw new UsageError(`--dir: there is no directory ${printable(dir)}.`)
  const root = realpathSync(dir)
  const data = made(store)
  if (
    contains(data, root) ||
    (contains(root, data) &&
      !relative(root, data)
        .split(sep)
        .some(name => skipped.has(name)))
  ) {
    throw new UsageError('--data: the store would be surveyed. It may be outside of --dir, or below a directory named .data.')
  }
  return { port: Number(port), grpcPort: Number(grpcPort), root, data }
}

function checkPort(option: string, port: string): void {
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw new UsageError(`${option} is a whole number from 0 to 65535.`)
}

function parsed(args: readonly string[]): { port: string; 'grpc-port': string; dir: string; data: string } {
  const repository = fileURLToPath(new URL('../../..', import.meta.url))
  const options = {
    port: { type: 'string', default: '4180' },
    'grpc-port': { type: 'string', default: '0' },
    /** What may be surveyed. Default: the repository. */
    dir: { type: 'string', default: repository },
    /** The store. */
    data: { type: 'string', default: resolve('.data/surveyor') },
  } as const
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    throw new UsageError(
      `${(error as Error).message}\nThere are --port <number>, --grpc-port <number>, --dir <directory> and --data <directory>.`,
    )
  }
}

function made(path: string): string {
  try {
    mkdirSync(path, { recursive: true })
    return realpathSync(path)
  } catch (error) {
    throw new UsageError(`--data: ${printable((error as Error).message)}.`)
  }
}
