/** Medians of things measured side by side: each kind in turn, several rounds, the first one thrown away. */
export interface Kind {
  name: string
  run(): Promise<number> | number
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

/** Median result per kind; interleaved, so that a noisy moment of the machine hits all alike. */
export async function sideBySide(kinds: readonly Kind[], rounds: number): Promise<Map<string, number>> {
  const results = new Map<string, number[]>(kinds.map(({ name }) => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const { name, run } of kinds) {
      globalThis.gc?.()
      const value = await run()
      if (round > 0) results.get(name)?.push(value)
    }
  }
  return new Map([...results].map(([name, values]) => [name, median(values)]))
}

/** Bytes of heap in use after a thorough collection. */
export function heapUsed(): number {
  if (!globalThis.gc) throw new Error('Run node with --expose-gc.')
  for (let i = 0; i < 4; i++) globalThis.gc()
  return process.memoryUsage().heapUsed
}

export const nextTurn = () => new Promise<void>(resolve => setImmediate(resolve))
