import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'

/** A bundle as a browser gets it. */
export interface Bundle {
  code: string
  /** What it still has to load. */
  imports: readonly string[]
  modules: number
  /** Minified and compressed. */
  bytes: number
}

/** Puts a module and all that it imports into one, for a browser. */
export async function bundleOf(entry: string): Promise<Bundle> {
  const bundle = await rolldown({ input: entry, platform: 'browser' })
  const { output } = await bundle.generate({ format: 'esm', minify: true })
  await bundle.close()
  const [{ code, imports }] = output
  return { code, imports, modules: output.length, bytes: gzipSync(code).length }
}
