import type { AnyEventObject } from 'xstate'
import { isLifechartError } from '../errors.ts'
import { type CommandHouse, commanded, commandsOf, receiveCommands, sendCommand } from './commands.ts'
import type { Host } from './host/host.ts'
import type { StreamChanged } from './port.ts'
import type { Stream } from './stream/stream.ts'
import { streamsFound } from './streams-found.ts'

export interface CommandDeskHouse extends CommandHouse {
  /** The lifecycle, if it is owned here. */
  host(id: string): Host | undefined
  closed(): boolean
}

/** Where the commands of other runtimes come in, and those of this one go out. */
export class CommandDesk {
  /** Times that commands were looked for. */
  received = 0
  readonly #house: CommandDeskHouse

  constructor(house: CommandDeskHouse) {
    this.#house = house
  }

  /** Decides what other processes asked of a lifecycle, also while nobody owned it. */
  async receive(host: Host): Promise<void> {
    const { closed, sent, environment } = this.#house
    this.received++
    try {
      await receiveCommands(this.#house, host)
    } catch (error) {
      if (closed() || host.over) return
      // The next owner decides them.
      if (host.released) return sent(host.id)
      environment.logger.warn('Commands could not be read; trying again with the next one.', { lifecycle: host.id, error: String(error) })
    }
  }

  async send(target: Stream<unknown>, event: AnyEventObject): Promise<void> {
    try {
      await sendCommand(this.#house, target, event)
    } finally {
      // It may have come behind the end, which had taken the others along.
      if (target.ended) await this.forget(target.id)
    }
  }

  changed(changed: StreamChanged): void {
    if (changed === 'all') {
      void this.#receiveAll()
      return
    }
    const target = commanded(changed.stream)
    const host = target === undefined ? undefined : this.#house.host(target)
    if (host) void this.receive(host)
  }

  async #receiveAll(): Promise<void> {
    const { adapter, host, closed, environment } = this.#house
    try {
      for await (const { stream, version } of streamsFound(adapter, { kinds: ['commands'] })) {
        const owned = host(commanded(stream) ?? '')
        if (owned && version > owned.journal.commandsTaken) void this.receive(owned)
      }
    } catch (error) {
      if (!closed()) environment.logger.warn('Commands could not be listed.', { error: String(error) })
    }
  }

  /** The end of a lifecycle takes its commands along. */
  async forget(id: string): Promise<void> {
    const { adapter, closed, environment } = this.#house
    try {
      await adapter.forget(commandsOf(id), {})
    } catch (error) {
      if (closed() || isLifechartError(error, 'STORE_CLOSED')) return
      environment.logger.warn('The commands of an ended lifecycle could not be removed.', { lifecycle: id, error: String(error) })
    }
  }
}
