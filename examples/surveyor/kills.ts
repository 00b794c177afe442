/** Behind which findings, of so many, the process is killed; 0 is before the first. In ascending order, the same for the same seed. */
export function killPoints(seed: number, count: number, findings: number): number[] {
  const next = mulberry32(seed)
  return Array.from({ length: count }, () => Math.floor(next() * findings)).sort((a, b) => a - b)
}

/** Evenly spread numbers from 0 to 1. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
