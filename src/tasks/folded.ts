import { LifechartError } from '../errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Stored } from '../kernel/port.ts'
import { decode } from '../kernel/stream/record.ts'
import type { Stream } from '../kernel/stream/stream.ts'
import { taskIdOf } from './names.ts'
import { TaskView } from './view.ts'

const pageRecords = 2048
const pageBytes = 1024 * 1024

/** Folds what is stored behind a view, up to the record `head`. `STREAM_NOT_FOUND`, `STORE_UNAVAILABLE`. */
async function readInto(view: TaskView, kernel: Kernel, stream: string, head: number): Promise<void> {
  while (view.seq < head) {
    const after = view.seq
    const limit = Math.min(pageRecords, head - after)
    const { events } = await kernel.insist(() => kernel.adapter.read(stream, { after, limit, maxBytes: pageBytes }))
    // Somebody else may have folded the same records meanwhile.
    if (view.seq !== after) continue
    for (const text of events) view.apply(decode(text))
    if (events.length === 0) throw new LifechartError('STORE_CORRUPT', `The records of ${stream} behind ${after} are missing.`)
  }
}

/** The task as it is stored. */
export async function loadView(kernel: Kernel, stored: Stored): Promise<TaskView> {
  const id = taskIdOf(stored.stream)
  const view = stored.view ? TaskView.restore(id, stored.view) : new TaskView(id)
  await readInto(view, kernel, stored.stream, stored.version)
  return view
}

/** The task as of the record `seq`. `STREAM_NOT_FOUND`, `CURSOR_AHEAD`. */
export async function foldedTo(kernel: Kernel, stream: string, seq: number): Promise<TaskView> {
  const view = new TaskView(taskIdOf(stream))
  await readInto(view, kernel, stream, seq)
  return view
}

/** A stream of a task with its view, which follows when it is asked for. */
export class FoldedStream {
  readonly stream: Stream<unknown>
  readonly #kernel: Kernel
  readonly #view: TaskView

  constructor(kernel: Kernel, stream: Stream<unknown>, view: TaskView) {
    this.#kernel = kernel
    this.stream = stream
    this.#view = view
  }

  /** The number of the last record that is folded. */
  get seq(): number {
    return this.#view.seq
  }

  /** As of the newest published record; to be used before anything is awaited. */
  async view(): Promise<TaskView> {
    while (!this.catchUp()) await readInto(this.#view, this.#kernel, this.stream.id, this.stream.head)
    return this.#view
  }

  /** As it is: behind a {@link catchUp} that was true, as of the newest record. */
  get current(): TaskView {
    return this.#view
  }

  /** Folds what is in memory; false when older records have to be read first. */
  catchUp(): boolean {
    const { window, head } = this.stream
    while (this.#view.seq < head) {
      if (this.#view.seq < window.base) return false
      const entries = window.after(this.#view.seq)
      if (entries.length === 0) return false
      for (const entry of entries) this.#view.apply(entry)
    }
    return true
  }
}
