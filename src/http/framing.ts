import { LifechartError } from '../errors.ts'
import { customFraming, type Encode } from './framings/custom.ts'
import type { Framing } from './framings/framing.ts'
import { lifechartFraming } from './framings/lifechart.ts'
import { rawFraming } from './framings/raw.ts'
import { uiMessageFraming } from './framings/ui-message-stream.ts'

export type EncodeOption = 'lifechart' | 'raw' | 'ui-message-stream' | Encode

const framings: Readonly<Record<string, Framing>> = {
  lifechart: lifechartFraming,
  raw: rawFraming,
  'ui-message-stream': uiMessageFraming,
}

export function framingOf(encode: EncodeOption = 'lifechart'): Framing {
  if (typeof encode === 'function') return customFraming(encode)
  const framing = Object.hasOwn(framings, encode) ? framings[encode] : undefined
  if (framing) return framing
  throw new LifechartError(
    'INVALID_OPTION',
    `encode is ${JSON.stringify(encode)}; it is ${Object.keys(framings).join(', ')} or a function.`,
  )
}
