import { assign, cancel, fromCallback, fromPromise, raise, setup, spawnChild, stopChild } from 'xstate'

// How a durable chart is written. Four habits, and XState stays XState:
//
// 1. The context is JSON: facts and ids, never a live object. It is stored with every step.
// 2. Guards and assigns are pure: time and chance come in with the event or from the input.
// 3. Actions and actors are names here; `provide` puts the real ones behind them (see office.ts).
//    Actions are performed at most once, so they tell people things. What must not be lost is an actor.
// 4. Actors are started again after a crash: each is given all it needs as input, and may be asked twice.

export interface Item {
  id: string
  cents: number
}

export type Approver = 'manager' | 'director'

export interface ExpenseInput {
  claim: string
  /** Milliseconds until the approver is reminded, until the director decides instead, and between two transfers. */
  patience: { reminder: number; escalation: number; retry: number }
}

export interface ExpenseContext extends ExpenseInput {
  items: Item[]
  /** Ids of the items whose receipt is being read. */
  reading: string[]
  /** What the receipts say, in cents, by item. */
  receipts: Record<string, number>
  approver: Approver
  reminders: number
  grantedBy?: Approver | 'rules'
  failedTransfers: number
  reference?: string
  outcome: 'open' | 'paid' | 'unpaid' | 'rejected' | 'withdrawn'
}

export type ExpenseEvent =
  | { type: 'item.added'; item: Item }
  | { type: 'claim.submitted' }
  | { type: 'claim.withdrawn' }
  | { type: 'claim.approved'; by: Approver }
  | { type: 'claim.rejected'; by: Approver }
  | { type: 'receipt.added'; item: string }
  // From here on events of the chart's own: a reader's answer, a deadline, a word from one region to the other.
  | { type: 'receipt.read'; item: string; cents: number }
  | { type: 'reminder.due' }
  | { type: 'receipts.waived' }

export interface ExpenseOutput {
  outcome: ExpenseContext['outcome']
  cents: number
  grantedBy?: ExpenseContext['grantedBy']
  reference?: string
}

export const total = (items: readonly Item[]) => items.reduce((cents, item) => cents + item.cents, 0)

function provided(name: string): never {
  throw new Error(`Provide "${name}", as office.ts does.`)
}

export const expenseMachine = setup({
  types: {
    input: {} as ExpenseInput,
    context: {} as ExpenseContext,
    events: {} as ExpenseEvent,
    output: {} as ExpenseOutput,
  },
  actors: {
    checkRules: fromPromise<{ within: boolean }, { cents: number }>(async () => provided('checkRules')),
    readReceipt: fromCallback<ExpenseEvent, { claim: string; item: Item }>(() => provided('readReceipt')),
    transfer: fromPromise<{ reference: string }, { claim: string; cents: number; attempt: number }>(async () => provided('transfer')),
  },
  delays: {
    escalation: ({ context }) => context.patience.escalation,
    retry: ({ context }) => context.patience.retry,
  },
  guards: {
    // Commands may come twice, from a person who is not sure or a program that was restarted. What was taken is refused.
    isNewItem: ({ context, event }) => event.type === 'item.added' && !context.items.some(item => item.id === event.item.id),
    hasItems: ({ context }) => context.items.length > 0,
    isMissing: ({ context, event }) =>
      event.type === 'receipt.added' &&
      context.items.some(item => item.id === event.item) &&
      !context.reading.includes(event.item) &&
      !(event.item in context.receipts),
    isBeingRead: ({ context, event }) => event.type === 'receipt.read' && context.reading.includes(event.item),
    isComplete: ({ context }) => context.items.every(item => item.id in context.receipts),
    isWithinRules: (_, params: { within: boolean }) => params.within,
    isApprover: ({ context, event }) => 'by' in event && event.by === context.approver,
    isWaived: ({ context }) => context.grantedBy === 'director' || context.grantedBy === 'rules',
    mayRetry: ({ context }) => context.failedTransfers < 3,
  },
  actions: {
    addItem: assign(({ context, event }) => (event.type === 'item.added' ? { items: [...context.items, event.item] } : {})),
    // A spawned actor needs an id of its own: it is found and started again by it.
    startReading: spawnChild('readReceipt', {
      id: ({ event }) => `reader-${event.type === 'receipt.added' ? event.item : ''}`,
      input: ({ context, event }) => ({
        claim: context.claim,
        item: context.items.find(item => event.type === 'receipt.added' && item.id === event.item) as Item,
      }),
    }),
    noteReading: assign(({ context, event }) => (event.type === 'receipt.added' ? { reading: [...context.reading, event.item] } : {})),
    stopReader: stopChild(({ event }) => `reader-${event.type === 'receipt.read' ? event.item : ''}`),
    fileReceipt: assign(({ context, event }) =>
      event.type === 'receipt.read'
        ? {
            reading: context.reading.filter(item => item !== event.item),
            receipts: { ...context.receipts, [event.item]: event.cents },
          }
        : {},
    ),
    // A raise with a delay is a stored deadline, like `after`, that a chart may cancel when it likes.
    scheduleReminder: raise({ type: 'reminder.due' }, { id: 'reminder', delay: ({ context }) => context.patience.reminder }),
    cancelReminder: cancel('reminder'),
    countReminder: assign({ reminders: ({ context }) => context.reminders + 1 }),
    escalate: assign({ approver: 'director' }),
    grantByRules: assign({ grantedBy: 'rules' }),
    grant: assign({ grantedBy: ({ context }) => context.approver }),
    waiveReceipts: raise({ type: 'receipts.waived' }),
    countFailure: assign({ failedTransfers: ({ context }) => context.failedTransfers + 1 }),
    noteReference: assign((_, params: { reference: string }) => params),
    settle: assign((_, params: { outcome: ExpenseContext['outcome'] }) => params),
    askApprover: () => provided('askApprover'),
    remindApprover: () => provided('remindApprover'),
    tellEmployee: () => provided('tellEmployee'),
  },
}).createMachine({
  id: 'expense',
  description: 'An expense claim, from the first item to the money.',
  context: ({ input }) => ({
    ...input,
    items: [],
    reading: [],
    receipts: {},
    approver: 'manager',
    reminders: 0,
    failedTransfers: 0,
    outcome: 'open',
  }),
  initial: 'draft',
  states: {
    draft: {
      description: 'The employee adds items.',
      on: {
        'item.added': { guard: 'isNewItem', actions: 'addItem' },
        'claim.submitted': { guard: 'hasItems', target: 'open' },
      },
    },
    open: {
      description: 'Somebody decides, and receipts come in; the two end in either order.',
      type: 'parallel',
      on: { 'claim.withdrawn': 'withdrawn' },
      onDone: 'payment',
      states: {
        review: {
          initial: 'checking',
          states: {
            checking: {
              description: 'The rules may grant it without asking anyone.',
              invoke: {
                id: 'rules',
                src: 'checkRules',
                input: ({ context }) => ({ cents: total(context.items) }),
                onDone: [
                  {
                    guard: { type: 'isWithinRules', params: ({ event }) => event.output },
                    target: 'granted',
                    actions: ['grantByRules', 'waiveReceipts'],
                  },
                  { target: 'waiting' },
                ],
                // An actor without onError takes the whole claim down with it.
                onError: { target: 'waiting' },
              },
            },
            waiting: {
              description: 'Waits for a person, and reminds them.',
              entry: 'scheduleReminder',
              exit: 'cancelReminder',
              on: {
                'reminder.due': { actions: ['countReminder', 'remindApprover', 'scheduleReminder'] },
                'claim.rejected': { guard: 'isApprover', target: '#expense.rejected' },
              },
              initial: 'manager',
              states: {
                manager: {
                  description: 'The manager decides, as long as there is time.',
                  entry: 'askApprover',
                  on: { 'claim.approved': { guard: 'isApprover', target: '#expense.open.review.granted', actions: 'grant' } },
                  after: { escalation: { target: 'director', actions: 'escalate' } },
                },
                director: {
                  description: 'The director decides, and does not insist on receipts.',
                  entry: 'askApprover',
                  on: {
                    'claim.approved': {
                      guard: 'isApprover',
                      target: '#expense.open.review.granted',
                      actions: ['grant', 'waiveReceipts'],
                    },
                  },
                },
              },
            },
            granted: { description: 'May be paid as far as the reviewer is concerned.', type: 'final' },
          },
        },
        receipts: {
          initial: 'missing',
          states: {
            missing: {
              description: 'Some receipts are not read yet.',
              always: { guard: 'isComplete', target: 'complete' },
              on: {
                'receipt.added': { guard: 'isMissing', actions: ['startReading', 'noteReading'] },
                'receipt.read': { guard: 'isBeingRead', actions: ['stopReader', 'fileReceipt'] },
                'receipts.waived': { guard: 'isWaived', target: 'complete' },
              },
            },
            complete: { description: 'Every receipt is there, or waived.', type: 'final' },
          },
        },
      },
    },
    payment: {
      initial: 'transferring',
      states: {
        transferring: {
          description: 'The bank is asked for the money.',
          invoke: {
            id: 'transfer',
            src: 'transfer',
            input: ({ context }) => ({ claim: context.claim, cents: total(context.items), attempt: context.failedTransfers + 1 }),
            onDone: { target: '#expense.paid', actions: { type: 'noteReference', params: ({ event }) => event.output } },
            onError: [{ guard: 'mayRetry', target: 'pausing', actions: 'countFailure' }, { target: '#expense.unpaid' }],
          },
        },
        pausing: {
          description: 'The bank is given time.',
          after: { retry: 'transferring' },
        },
      },
    },
    paid: {
      description: 'The money is on its way.',
      type: 'final',
      entry: [{ type: 'settle', params: { outcome: 'paid' } }, 'tellEmployee'],
    },
    unpaid: {
      description: 'Granted, but the bank refused again and again.',
      type: 'final',
      entry: [{ type: 'settle', params: { outcome: 'unpaid' } }, 'tellEmployee'],
    },
    rejected: {
      description: 'The approver said no.',
      type: 'final',
      entry: [{ type: 'settle', params: { outcome: 'rejected' } }, 'tellEmployee'],
    },
    withdrawn: {
      description: 'The employee took it back.',
      type: 'final',
      entry: { type: 'settle', params: { outcome: 'withdrawn' } },
    },
  },
  output: ({ context }) => ({
    outcome: context.outcome,
    cents: total(context.items),
    grantedBy: context.grantedBy,
    reference: context.reference,
  }),
})
