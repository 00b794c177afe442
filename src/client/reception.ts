import type { RunEvent } from '../runs/events.ts'
import { eventIn, isOfRun } from './event.ts'
import { type Position, positionAfter, positionOf } from './position.ts'
import type { Frame } from './sse.ts'

/** What has been received of a run, whatever connection it came by. */
export interface Reception {
  readonly position: Position
  /** Nothing follows the end. */
  readonly hasEnd: boolean
  /** The events that are new in these frames; `position` is that of the newest one taken. Throws {@link ConnectionLost}. */
  events(frames: Iterable<Frame>): Generator<RunEvent, void>
}

/** Throws `CURSOR_INVALID`. */
export function createReception(after: unknown, onGap?: (gap: { from: number; to: number }) => void): Reception {
  let position = positionAfter(after)
  let hasEnd = false
  return {
    get position() {
      return position
    },
    get hasEnd() {
      return hasEnd
    },
    *events(frames) {
      for (const frame of frames) {
        if (!isOfRun(frame)) continue
        const at = positionOf(frame.id, position.runId)
        const event = at.seq > position.seq ? eventIn(frame, at.seq) : undefined
        hasEnd = frame.event === 'end'
        if (event) {
          const gap = { from: position.seq + 1, to: event.type === 'gap' ? at.seq : at.seq - 1 }
          if (gap.from <= gap.to) {
            position = { ...at, seq: gap.to }
            if (onGap) onGap(gap)
            else yield { type: 'gap', ...gap }
          }
          if (event.type !== 'gap') {
            position = at
            yield event
          }
        }
        if (hasEnd) return
      }
    },
  }
}
