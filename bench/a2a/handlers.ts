import { type A2ARequestHandler, type AgentExecutor, DefaultRequestHandler, InMemoryTaskStore } from '@a2a-js/sdk/server'
import { type Lifechart, openLifechart } from 'lifechart'
import { a2aRequestHandler } from 'lifechart/a2a'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { memoryAdapter } from 'lifechart/adapters/memory'
import { quiet } from '../quiet.ts'
import { inDirectory } from '../store.ts'
import { agentCard } from './agents.ts'

/** Ours over one of the stores, or the SDK's own over its own. */
export type Kind = 'memory' | 'lowdb' | 'sdk'

export interface Handling {
  handler: A2ARequestHandler
  /** Undefined behind the SDK's. */
  lifechart?: Lifechart
}

/** A handler of the executor; files are in `dir`. */
export async function handling(kind: Kind, executor: AgentExecutor, dir: string): Promise<Handling> {
  if (kind === 'sdk') return { handler: new DefaultRequestHandler(agentCard, new InMemoryTaskStore(), executor) }
  const lifechart = await openLifechart({ adapter: kind === 'lowdb' ? lowdbAdapter({ dir }) : memoryAdapter(), logger: quiet })
  return { handler: a2aRequestHandler({ lifechart, agentCard, executor }), lifechart }
}

/** The two that are compared. */
export type Pair = Record<'ours' | 'sdk', A2ARequestHandler>

/** With one of each for all that is measured, as a server has it: a new one is slow at first, and so is one beside another adapter. */
export function withHandlers<T>(kind: 'memory' | 'lowdb', executor: AgentExecutor, work: (handlers: Pair) => Promise<T>): Promise<T> {
  return inDirectory(async dir => {
    const [ours, sdk] = [await handling(kind, executor, dir), await handling('sdk', executor, dir)]
    try {
      return await work({ ours: ours.handler, sdk: sdk.handler })
    } finally {
      await ours.lifechart?.close({ mode: 'stop' })
    }
  })
}
