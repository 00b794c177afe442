import { vi } from 'vitest'

/** Until it holds, on a machine that is busy with other things too. */
export const eventually = <T>(holds: () => T | Promise<T>) => vi.waitFor(holds, { timeout: 20_000, interval: 10 })
