import { fileURLToPath } from 'node:url'
import { bundleOf } from '../../scripts/client-size.ts'
import type { Row } from '../report.ts'

const most = 3_072

/** What a page has to load for `lifechart/client`. */
export async function clientSize(): Promise<Row[]> {
  const { bytes } = await bundleOf(fileURLToPath(import.meta.resolve('lifechart/client')))
  return [
    {
      work: 'lifechart/client, minified and compressed',
      ours: `${bytes} bytes`,
      compared: '',
      ratio: '',
      reach: `${most} bytes`,
      met: bytes < most,
    },
  ]
}
