import { createHash } from 'node:crypto'
import { isLifechartError, LifechartError } from '../../errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Stored } from '../../kernel/port.ts'
import { decode, Step } from '../../kernel/stream/record.ts'
import type { Lifechart } from '../../lifechart.ts'
import { taskStream } from '../../tasks/names.ts'
import { isTaskId, notFound } from '../../tasks/places.ts'
import { type Caller, type StoredRequest, scopeOf } from '../../tasks/request.ts'
import { checkConfig, type PushConfig } from './config.ts'
import { PushConfigs, readConfig } from './configs.ts'
import { pushStream } from './names.ts'
import { type Paging, type PushPage, pageOf } from './paging.ts'
import { type PushPolicy, resolvePolicy } from './policy.ts'
import { PushProduct } from './product.ts'
import { PostTurns } from './turns.ts'

/** One for all agents of a runtime. */
const products = new WeakMap<Kernel, PushProduct>()

function productOf({ kernel, limits }: Lifechart): PushProduct {
  const known = products.get(kernel)
  if (known) return known
  const { pushConfigs, pushPosts, pushPostsPerHost } = limits
  const product = new PushProduct(kernel, new PushConfigs(kernel, pushConfigs), new PostTurns(pushPosts, pushPostsPerHost))
  products.set(kernel, product)
  return product
}

/** What callers may do with the configurations of an agent's tasks: of those tasks that exist for them. */
export class PushDesk {
  readonly product: PushProduct
  readonly #kernel: Kernel
  readonly #agent: string

  constructor(lifechart: Lifechart, agent: string, policy: PushPolicy | undefined) {
    const resolved = resolvePolicy(policy)
    this.#kernel = lifechart.kernel
    this.#agent = agent
    this.product = productOf(lifechart)
    this.product.define(agent, resolved)
  }

  get #configs(): PushConfigs {
    return this.product.configs
  }

  /** It is told what happens from now on. `TASK_NOT_FOUND`, `REQUEST_INVALID`, `TASK_CAPACITY`. */
  async create(given: PushConfig, caller: Caller): Promise<PushConfig> {
    const config = checkConfig(given)
    const task = await this.#task(config.taskId, caller)
    const named = { ...config, id: config.id || this.#kernel.environment.ids() }
    await this.#put(task, named, async () => task.version)
    return named
  }

  /** Of a message that was just committed to the task: it is told what happens from that on. */
  async attach(given: PushConfig, taskId: string, caller: Caller, messageId: string): Promise<void> {
    const task = await this.#task(taskId, caller)
    // The same for a message that is sent again.
    const id =
      given.id ||
      createHash('sha256')
        .update(JSON.stringify([task.index.scope, messageId]))
        .digest('base64url')
        .slice(0, 22)
    await this.#put(task, { ...checkConfig(given), id, taskId }, () => this.#before(task, messageId))
  }

  /** `TASK_NOT_FOUND`, also for a configuration that does not exist. */
  async get(taskId: string, id: string, caller: Caller): Promise<PushConfig> {
    await this.#task(taskId, caller)
    const stored = id.isWellFormed() ? await this.#find(taskId, id) : undefined
    if (!stored) throw new LifechartError('TASK_NOT_FOUND', 'The task has no configuration of push notifications with this id.')
    return readConfig(stored)
  }

  /** In the order in which they were created. `TASK_NOT_FOUND`, `REQUEST_INVALID`. */
  async list(taskId: string, caller: Caller, paging: Paging): Promise<PushPage> {
    await this.#task(taskId, caller)
    return pageOf(await this.#configs.list(taskId), paging)
  }

  /** Harmless for a configuration that does not exist. */
  async remove(taskId: string, id: string, caller: Caller): Promise<void> {
    await this.#task(taskId, caller)
    const halted = await this.#find(taskId, id)
    if (!halted) return
    await this.product.halt(halted.stream)
    await this.#configs.remove(taskId, id)
  }

  async #find(taskId: string, id: string): Promise<Stored | undefined> {
    try {
      return await this.#configs.load(pushStream(taskId, id))
    } catch (error) {
      if (isLifechartError(error, 'REQUEST_INVALID')) return undefined
      throw error
    }
  }

  async #task(taskId: string, caller: Caller): Promise<Stored> {
    const { adapter } = this.#kernel
    const stored = isTaskId(taskId) ? await this.#kernel.insist(() => adapter.load(taskStream(taskId))) : undefined
    if (stored?.kind !== 'task' || stored.index.scope !== scopeOf(caller)) throw notFound(String(taskId))
    return stored
  }

  async #put(task: Stored, config: PushConfig, from: () => Promise<number>): Promise<void> {
    const stream = await this.#configs.put(task, this.#agent, config, from)
    if (stream === undefined) return
    // With what it was before, or from the beginning: in the background.
    await this.product.halt(stream)
    this.product.activated(config.taskId)
  }

  /** The number of the record before the one that brought the message. */
  async #before({ stream, version }: Stored, messageId: string): Promise<number> {
    const { adapter } = this.#kernel
    const size = 256
    for (let end = version; end > 0; end -= size) {
      const after = Math.max(0, end - size)
      const { events } = await this.#kernel.insist(() => adapter.read(stream, { after, limit: end - after }))
      const at = events.findLastIndex(text => broughtBy(text) === messageId)
      if (at >= 0) return after + at
    }
    return version
  }
}

/** The id of the message that a record of a task is about. */
function broughtBy(text: string): string | undefined {
  const entry = decode(text)
  if (!(entry instanceof Step)) return undefined
  const { event } = entry.record
  const { request } = (event.type === 'lifechart.start' ? event.input : event) as { request?: StoredRequest }
  return request?.message.messageId
}
