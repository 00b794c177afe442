import { LifechartError } from '../errors.ts'
import type { Page } from '../kernel/stream/backlog.ts'
import { PullCursor } from '../kernel/stream/cursor.ts'
import type { Stream } from '../kernel/stream/stream.ts'
import type { RunEvent } from './events.ts'
import { runIdOf } from './names.ts'

/** A position that says of which run it is one. */
export interface Position {
  runId: string
  seq: number
}

export interface FeedOptions {
  /** An exact run, in place of the latest one of the id. */
  runId?: string
  /** What the reader has: `CURSOR_OTHER_RUN` when it is of another run. Default 0. */
  after?: number | Position
  page: Page
}

/** A run as others are served with it: which one it is, and a cursor in it. */
export interface Feed {
  readonly runId: string
  /** The reader has all of it, and nothing will follow. */
  readonly complete: boolean
  readonly ended: boolean
  readonly cursor: PullCursor<RunEvent>
}

export function openFeed(stream: Stream<RunEvent>, { after = 0, page }: Omit<FeedOptions, 'runId'>): Feed {
  const runId = runIdOf(stream.id)
  if (typeof after === 'object' && after.runId !== runId) {
    throw new LifechartError(
      'CURSOR_OTHER_RUN',
      `The position is one of ${after.runId}, and this is ${runId}. Name the run that is meant.`,
      {
        details: { runId },
      },
    )
  }
  const cursor = new PullCursor(stream, { after: typeof after === 'object' ? after.seq : after, page })
  return {
    runId,
    cursor,
    get ended() {
      return stream.ended
    },
    get complete() {
      return stream.ended && !cursor.behind
    },
  }
}
