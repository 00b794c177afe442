import type { PersistenceAdapter } from '../../src/kernel/port.ts'
import { readingDefects } from './reading-defects.ts'
import { writingDefects } from './writing-defects.ts'

/** `opened` is how often the store was opened, this time included. */
export type Defect = (sound: PersistenceAdapter, opened: number) => Partial<PersistenceAdapter>

/** Each breaks one rule of the port; `notices` are words of the sentence that must notice. */
export type Defects = Readonly<Record<string, { notices: RegExp; defect: Defect }>>

/** What adapters do that each break one rule. */
export const defects: Defects = { ...writingDefects, ...readingDefects }
