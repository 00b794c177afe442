import type { Codec } from './documents.ts'
import { isCount, isObject, isText } from './facts.ts'

/** `store.json`: what the directory is. */
export interface StoreDocument {
  format: number
  /** Says which segments belong together. */
  id: string
}

export const storeCodec: Codec<StoreDocument> = {
  encode: document => [`${JSON.stringify(document, null, 2)}\n`],
  async decode(bytes) {
    let document: unknown
    try {
      document = JSON.parse(bytes.toString())
    } catch {
      return undefined
    }
    return isObject(document) && isCount(document.format) && document.format > 0 && isText(document.id)
      ? { format: document.format, id: document.id }
      : undefined
  },
}
