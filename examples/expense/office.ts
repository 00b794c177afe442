import { appendFileSync } from 'node:fs'
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromCallback, fromPromise } from 'xstate'
import { type ExpenseContext, expenseMachine } from './expense.ts'

/**
 * The chart with something real behind its names, in a directory: `letters` has a line for each action, `errands` one for each
 * time an actor was started, `paid-<claim>` is the money.
 */
export function officeIn(dir: string) {
  const letter = (write: (context: ExpenseContext) => string) => {
    // An action runs when its step is committed, and is over when it returns. The line says which claim and which of its
    // letters this is: an id by which whoever receives it could tell a second one. There is none, at most once is enough here.
    return ({ context }: { context: ExpenseContext }) => appendFileSync(join(dir, 'letters'), `${context.claim}: ${write(context)}\n`)
  }
  const errand = (line: string) => appendFile(join(dir, 'errands'), `${line}\n`)

  return expenseMachine.provide({
    actions: {
      askApprover: letter(({ approver }) => `asked the ${approver}`),
      remindApprover: letter(({ approver, reminders }) => `reminded the ${approver}, reminder ${reminders}`),
      tellEmployee: letter(({ outcome }) => `told the employee that it is ${outcome}`),
    },
    actors: {
      checkRules: fromPromise(async ({ input }) => {
        await errand('check the rules')
        return { within: input.cents <= 5_000 }
      }),
      readReceipt: fromCallback(({ input: { item }, sendBack }) => {
        // A spawned actor answers with an event. If it answers for a second time, the chart no longer waits for it.
        void errand(`read the receipt of ${item.id}`).then(() => sendBack({ type: 'receipt.read', item: item.id, cents: item.cents }))
      }),
      transfer: fromPromise(async ({ input: { claim, cents, attempt } }) => {
        await errand(`transfer, attempt ${attempt}`)
        if (attempt === 1) throw new Error('The bank is closed.')
        // An actor may be started again, so money moves by a key: whoever asks for the second time gets the first answer.
        await writeFile(join(dir, `paid-${claim}`), `${cents}\n`, { flag: 'wx' }).catch(refused => {
          if (refused.code !== 'EEXIST') throw refused
        })
        return { reference: `transfer-${claim}` }
      }),
    },
  })
}
