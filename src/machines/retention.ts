import { setup } from 'xstate'

interface Retention {
  /** Milliseconds. */
  retention: number
  watched: boolean
}

/** Per process, never committed: how long a run that has ended is kept for those who come late. */
export const retentionMachine = setup({
  types: {
    context: {} as Retention,
    input: {} as Retention,
    events: {} as { type: 'audience.arrived' } | { type: 'audience.left' },
  },
  guards: { hasAudience: ({ context }) => context.watched },
  delays: { retention: ({ context }) => context.retention },
}).createMachine({
  id: 'retention',
  description: 'How long this process keeps a run that has ended.',
  context: ({ input }) => input,
  initial: 'ended',
  states: {
    ended: {
      description: 'Decides at once whether somebody still follows.',
      always: [{ guard: 'hasAudience', target: 'watched' }, { target: 'unwatched' }],
    },
    unwatched: {
      description: 'Nobody follows; evicted when the retention has passed.',
      on: { 'audience.arrived': { target: 'watched' } },
      after: { retention: { target: 'evicted' } },
    },
    watched: {
      description: 'At least one subscriber has not finished.',
      on: { 'audience.left': { target: 'unwatched' } },
    },
    evicted: { description: 'Forgotten by this process.', type: 'final' },
  },
})
