import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { LifechartError } from '../../errors.ts'
import type { Clock, Logger } from '../../kernel/port.ts'
import { wholeFile, writeAll } from './documents.ts'
import { systemCode } from './failures.ts'
import type { Files, OpenFile } from './files.ts'
import { type Holder, holderIn, isRunning, lockName, madeAt, readSign, thisProcess, writeSign } from './holder.ts'

/** Says that this process alone writes to a directory. */
export interface Lock {
  /**
   * Throws `STORE_FAILED` when the process slept so long that another took the store over, now and for ever, and `STORE_BUSY` as long
   * as another one may be about to.
   */
  assertHeld(): Promise<void>
  release(): Promise<void>
}

export interface LockOptions {
  files: Files
  dir: string
  clock: Clock
  logger: Logger
  /** Milliseconds between signs of life; who gave none for three times as long, and can not be looked up, is dead. */
  heartbeat: number
}

/** What this process holds or held: the same directory through the same files is open as long as it is held, a copy is not. */
const ours = new Map<string, { files: Files; dir: string; held: boolean }>()

/**
 * Everybody makes a lock file of its own and then looks for others: of two at the same time at least one sees the other.
 * Who sees another takes its own away and looks again, so that the last to look gets the store. The locks of the dead are removed
 * only by one whose own is there: who wakes up and gives a sign of life sees it. Throws `STORE_LOCKED`.
 */
export async function acquireLock(options: LockOptions): Promise<Lock> {
  const { files, dir } = options
  for (;;) {
    const [rival] = (await judge(options)).living
    if (rival !== undefined) throw locked(options, rival)
    const holder = await thisProcess(options.clock.now())
    const name = lockName(holder)
    const registration = { files, dir: path.resolve(dir), held: true }
    ours.set(holder.token, registration)
    const file = await files.open(path.join(dir, name), 'create').catch(async (error: unknown) => {
      registration.held = false
      await removeLock(options, name)
      throw error
    })
    const release = async () => {
      await file.close()
      registration.held = false
      await removeLock(options, name)
    }
    try {
      await writeAll(file, writeSign(options.clock.now()), 0)
      const { living, dead } = await judge(options)
      for (const other of dead) await removeLock(options, other)
      if (living.length === 1) return keep(options, file, name, release)
    } catch (error) {
      await release()
      throw error
    }
    await release()
    await setImmediate()
  }
}

/** Whether a process that writes is alive: for one that only reads. */
export const isLocked = async (options: Omit<LockOptions, 'logger'>) => (await judge(options)).living.length > 0

interface Judged {
  living: { name: string; holder: Holder; host: string }[]
  /** Lock files without a holder. */
  dead: string[]
}

async function judge(options: Omit<LockOptions, 'logger'>): Promise<Judged> {
  const { files, dir } = options
  const judged: Judged = { living: [], dead: [] }
  for (const name of await files.list(dir)) {
    const holder = holderIn(name)
    if (holder === undefined) continue
    const bytes = await wholeFile(files, path.join(dir, name))
    if (bytes === undefined) continue
    const sign = readSign(bytes)
    // Without a sign it was only being made: a moment ago, or when its process died.
    if (await lives(options, holder, sign?.beat ?? madeAt(holder))) judged.living.push({ name, holder, host: sign?.host ?? 'this host' })
    else judged.dead.push(name)
  }
  return judged
}

async function lives({ files, dir, clock, heartbeat }: Omit<LockOptions, 'logger'>, holder: Holder, beat: number): Promise<boolean> {
  const known = ours.get(holder.token)
  if (known !== undefined) return known.held && known.files === files && known.dir === path.resolve(dir)
  return (await isRunning(holder)) ?? clock.now() - beat < 3 * heartbeat
}

/** A lock file that stays is no harm: its holder is dead. */
async function removeLock({ files, dir, logger }: LockOptions, name: string): Promise<void> {
  try {
    await files.remove(path.join(dir, name))
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') logger.warn('A lock file was not removed', { name, error })
  }
}

function keep(options: LockOptions, file: OpenFile, name: string, release: () => Promise<void>): Lock {
  const { clock, logger, heartbeat } = options
  let beat = clock.now()
  let beating = Promise.resolve()
  let lost = false
  let timer: unknown

  const isSure = () => !lost && clock.now() - beat < 2 * heartbeat
  /** Counts when nobody may have missed it: nobody has taken the store, nor was looking when it came after a long time. */
  const giveSign = async () => {
    const now = clock.now()
    const late = !isSure()
    if (!lost) await writeAll(file, writeSign(now), 0)
    lost ||= !(await options.files.list(options.dir)).includes(name)
    if (lost) throw new LifechartError('STORE_FAILED', 'This process slept, and another took the store over; close it and open it again.')
    if (late && (await judge(options)).living.some(other => other.name !== name)) {
      const message = 'This process slept, and another looks whether it lives; nothing was written. Try again.'
      throw new LifechartError('STORE_BUSY', message, { retryable: true })
    }
    beat = now
  }
  const schedule = () => {
    timer = clock.setTimeout(() => {
      beating = giveSign().catch((error: unknown) => logger.warn('The store got no sign of life of its writer', { error }))
      if (!lost) schedule()
    }, heartbeat)
  }
  schedule()

  return {
    async assertHeld() {
      if (!isSure()) await giveSign()
    },
    async release() {
      clock.clearTimeout(timer)
      await beating
      await release()
    },
  }
}

function locked({ dir }: LockOptions, { holder: { pid }, host }: { holder: Holder; host: string }): LifechartError {
  const message = `The store ${dir} is open for writing in process ${pid} on ${host}; close it there, or open it with \`readOnly: true\`.`
  return new LifechartError('STORE_LOCKED', message, { details: { pid, host } })
}
