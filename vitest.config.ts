import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^lifechart$/, replacement: source('index.ts') },
      { find: /^lifechart\/machines$/, replacement: source('machines/index.ts') },
      { find: /^lifechart\/port$/, replacement: source('kernel/port.ts') },
      { find: /^lifechart\/adapters\/memory$/, replacement: source('adapters/memory.ts') },
      { find: /^lifechart\/adapters\/lowdb$/, replacement: source('adapters/lowdb/index.ts') },
      { find: /^lifechart\/http$/, replacement: source('http/index.ts') },
      { find: /^lifechart\/a2a$/, replacement: source('a2a/index.ts') },
      { find: /^lifechart\/client$/, replacement: source('client/index.ts') },
      { find: /^lifechart\/testing$/, replacement: source('testing/index.ts') },
    ],
  },
  // Much of the time goes into waiting for the disk and for child processes: two at once also where there are two cores.
  test: { include: ['test/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000, maxWorkers: 2 },
})
