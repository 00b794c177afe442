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

/** With one of each kind for all that is measured, as a server has it: a new one is slow at first. */
export function withHandlers<T>(executor: AgentExecutor, work: (handlers: Record<Kind, A2ARequestHandler>) => Promise<T>): Promise<T> {
  return inDirectory(async dir => {
    const open = (kind: Kind) => handling(kind, executor, dir)
    const [memory, lowdb, sdk] = [await open('memory'), await open('lowdb'), await open('sdk')]
    try {
      return await work({ memory: memory.handler, lowdb: lowdb.handler, sdk: sdk.handler })
    } finally {
      for (const { lifechart } of [memory, lowdb]) await lifechart?.close({ mode: 'stop' })
    }
  })
}
