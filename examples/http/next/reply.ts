import type { ProducerContext } from 'lifechart'

/** Says it again, word by word. Yours asks a model. */
export function* reply({ input }: ProducerContext) {
  yield* (input as { text: string }).text.split(' ')
}
