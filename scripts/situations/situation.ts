import type { Subject } from './server.ts'

export interface Situation {
  title: string
  /** What happened, in a sentence that is made of facts alone: no times, no ids, nothing about whose handler it is. */
  observe(subject: Subject): Promise<string>
}
