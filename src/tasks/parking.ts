import { isLifechartError, LifechartError } from '../errors.ts'
import { parseEnvelope } from '../kernel/envelope.ts'
import type { Stored, StreamHead } from '../kernel/port.ts'
import { readTask, type TaskFacts, wasExecuting } from './chart.ts'
import { loadView } from './folded.ts'
import type { TaskHouse } from './house.ts'
import type { LiveTask } from './live-task.ts'
import type { TaskView } from './view.ts'

/** A task that ends with so many records behind its stored view gets a new one: reading it must not fold all of them each time. */
const longTail = 256

const shutdown = { code: 'TASK_SHUTDOWN', message: 'The server was shut down.' }

/** Gives tasks back that nobody here needs: a task that waits, or has ended, costs nothing. */
export class Parking {
  readonly #house: TaskHouse
  /** Streams of orphans whose agent nobody has defined here yet: the name, and since when (milliseconds). */
  readonly #agentless = new Map<string, { agent: string; timer: unknown; over: boolean }>()

  constructor(house: TaskHouse) {
    this.#house = house
  }

  /** Looks whether the task can go. */
  loosened(task: LiveTask): void {
    if (!task.unwatched || this.#house.live(task.host.id) !== task) return
    if (task.over) this.#drop(task)
    else if (task.idle && !task.host.released) void this.#house.inTurn(task.host.id, () => this.#park(task))
  }

  async #park(task: LiveTask): Promise<void> {
    if (!task.unwatched || task.over || task.host.released || !task.idle || this.#house.live(task.host.id) !== task) return
    const { host, folded } = task
    const { kernel, counters } = this.#house
    await host.release(() => (folded.catchUp() ? folded.current.keep() : {}))
    kernel.remove(host)
    host.stream.dispose(new LifechartError('RUNTIME_CLOSED', `Task ${task.id} was parked.`))
    counters.parked++
    this.#house.leave(task)
    void kernel.sweep.ask()
    // They came too late for this owner.
    if (host.journal.commandsTaken > host.journal.commands) kernel.sweep.commanded(host.id)
  }

  #drop(task: LiveTask): void {
    task.host.stream.dispose()
    this.#house.leave(task)
  }

  /** The task has ended: it goes as soon as nobody follows it. */
  ended(task: LiveTask): void {
    void this.#keepView(task).finally(() => this.loosened(task))
  }

  async #keepView({ host, folded }: LiveTask): Promise<void> {
    const { kernel, logger } = this.#house
    const head = host.writer.version
    if (head < longTail) return
    try {
      const view = (await folded.view()).encode()
      const index = host.writer.steady ? { index: host.writer.steady } : {}
      const change = { stream: host.id, kind: 'task', expect: head, view, ...index }
      await kernel.adapter.commit({ id: kernel.environment.ids(), session: kernel.session, changes: [change] })
    } catch (error) {
      // It can be folded anew from its records.
      if (!kernel.closed) logger.warn('The view of an ended task could not be stored.', { lifecycle: host.id, error: String(error) })
    }
  }

  /** The task as it is stored. */
  viewOf(stored: Stored): Promise<TaskView> {
    return loadView(this.#house.kernel, stored)
  }

  /** True if something happened to a stored task that its chart has not decided. */
  hasUndecided({ stream, state }: StreamHead): boolean {
    return (parseEnvelope(stream, state).undecided?.length ?? 0) > 0
  }

  /** The retention in the store has passed. */
  async forget({ stream, version }: StreamHead): Promise<boolean> {
    await this.#house.kernel.adapter.forget(stream, { expect: version })
    return true
  }

  /** An execution that is to be repeated waits a while for its agent to be defined. */
  awaitsAgent(head: StreamHead): boolean {
    const { kernel, agents, limits, clock } = this.#house
    const envelope = readTask(head)
    const { agent, orphan } = envelope.facts
    if (agents.has(agent) || orphan === 'fail' || !wasExecuting(envelope)) return false
    const waiting = this.#agentless.get(head.stream)
    if (waiting) {
      if (!waiting.over) return true
      this.#agentless.delete(head.stream)
      return false
    }
    const timer = clock.setTimeout(() => {
      entry.over = true
      kernel.sweep.reconsider([head.stream])
    }, limits.typeGrace)
    const entry = { agent, timer, over: false }
    this.#agentless.set(head.stream, entry)
    return true
  }

  /** The streams that waited for the agent. */
  defined(agent: string): string[] {
    const waiting = [...this.#agentless].flatMap(([stream, entry]) => (entry.agent === agent ? [stream] : []))
    for (const stream of waiting) {
      this.#house.clock.clearTimeout(this.#agentless.get(stream)?.timer)
      this.#agentless.delete(stream)
    }
    return waiting
  }

  /** Deals with everything that is held here; nothing waits for longer than `until`. */
  async close(mode: 'handover' | 'stop' | 'drain' | undefined, until: Promise<void>): Promise<void> {
    const held = () => [...this.#house.lives()].filter(task => !task.over && !task.host.released)
    if (mode === 'drain') await Promise.race([until, Promise.all(held().map(task => task.whenIdle()))])
    const leave = async (task: LiveTask): Promise<void> => {
      const { orphan } = task.host.journal.facts as TaskFacts
      if (!task.idle && (mode === 'stop' || mode === 'drain' || (mode === undefined && orphan === 'fail'))) await this.#stop(task)
      if (!task.over) await task.host.release(() => (folded(task) ? task.folded.current.keep() : {}))
    }
    await Promise.race([until, Promise.all(held().map(leave))])
    for (const { timer } of this.#agentless.values()) this.#house.clock.clearTimeout(timer)
  }

  async #stop({ host, id }: LiveTask): Promise<void> {
    try {
      await host.dispatch({ type: 'limit.exceeded', fault: shutdown }).catch(error => {
        // It is being cancelled already, or has just ended.
        if (!isLifechartError(error, 'EVENT_REFUSED', 'LIFECYCLE_ENDED')) throw error
      })
      await host.untilOver()
    } catch (error) {
      this.#house.logger.warn('A task could not be stopped yet.', { task: id, error: String(error) })
    }
  }
}

function folded(task: LiveTask): boolean {
  return task.host.writer.pending === 0 && task.folded.catchUp()
}
