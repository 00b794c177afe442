import { isLifechartError, type Lifechart } from 'lifechart'
import type { ExpenseEvent, ExpenseInput } from './expense.ts'
import type { officeIn } from './office.ts'

/** What people do, in this order. */
const commands: readonly ExpenseEvent[] = [
  { type: 'item.added', item: { id: 'flight', cents: 41_200 } },
  { type: 'item.added', item: { id: 'hotel', cents: 53_000 } },
  { type: 'item.added', item: { id: 'dinner', cents: 6_420 } },
  { type: 'claim.submitted' },
  { type: 'receipt.added', item: 'flight' },
  { type: 'receipt.added', item: 'hotel' },
  // Nobody finds the receipt of the dinner, and the manager is away: this can only happen once the director decides.
  { type: 'claim.approved', by: 'director' },
]

/** Begins the claim, or goes on with it where it is, and tells each of its steps. Returns the lifecycle when it has ended. */
export async function settleClaim(
  { actors }: Lifechart,
  machine: ReturnType<typeof officeIn>,
  input: ExpenseInput,
  tell: (line: string) => void,
) {
  const claim = (await actors.get(machine, input.claim)) ?? actors.spawn(machine, { id: input.claim, input })
  // The steps are the memory: those of earlier processes come first, then the new ones as they are committed.
  let taken = 0
  for await (const step of claim.steps()) {
    if (step.type === 'gap') continue
    tell(`${step.seq}  ${step.cause}  ${step.event.type}  ${JSON.stringify(step.value)}`)
    if (step.cause === 'command') taken++
    const next = commands[taken]
    // Whether it is time for the next command is the chart's to say. Refused, nothing has changed; the next step is another chance.
    if (next)
      await claim.dispatch(next).catch(refused => {
        if (!isLifechartError(refused, 'EVENT_REFUSED', 'LIFECYCLE_ENDED')) throw refused
      })
  }
  return claim
}
