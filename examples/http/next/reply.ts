import { setTimeout as sleep } from 'node:timers/promises'
import type { ProducerContext } from 'lifechart'

/** Says it again, word by word, at the pace of a model. Yours asks one, and gives it `signal`. */
export async function* reply({ input, signal }: ProducerContext) {
  for (const word of (input as { text: string }).text.split(' ')) {
    await sleep(50, undefined, { signal })
    yield word
  }
}
