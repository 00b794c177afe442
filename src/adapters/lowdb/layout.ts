import path from 'node:path'

/** The names of everything in a store's directory. No id of a caller ever becomes a part of them. */
export interface Layout {
  readonly dir: string
  readonly logs: string
  readonly indexes: string
  readonly store: string
  log(segment: number): string
  index(segment: number): string
}

export function layoutOf(dir: string): Layout {
  const logs = path.join(dir, 'log')
  const indexes = path.join(dir, 'index')
  return {
    dir,
    logs,
    indexes,
    store: path.join(dir, 'store.json'),
    log: segment => path.join(logs, `${segment}.log`),
    index: segment => path.join(indexes, `${segment}.json`),
  }
}

/** The segment's name in errors: relative to the store. */
export const logName = (segment: number) => `log/${segment}.log`

/** The numbers in names such as `12.log`, ascending; other names are not ours. */
export function numbersIn(names: readonly string[], shape: RegExp): number[] {
  return names
    .map(name => Number(shape.exec(name)?.[1] ?? Number.NaN))
    .filter(number => Number.isSafeInteger(number) && number > 0)
    .sort((a, b) => a - b)
}

export const logShape = /^([1-9]\d{0,8})\.log$/
export const indexShape = /^([1-9]\d{0,8})\.json$/
/** What a document is called while it is written. */
export const unfinishedShape = /^(store|[1-9]\d{0,8})\.json\.[0-9a-f]{16}\.unfinished$/
