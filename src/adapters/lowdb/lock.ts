import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { LifechartError } from '../../errors.ts'
import type { Clock, Logger } from '../../kernel/port.ts'
import { wholeFile, writeAll } from './documents.ts'
import { systemCode } from './failures.ts'
import type { Files, OpenFile } from './files.ts'
import { type Holder, holderIn, isRunning, lockName, readSign, thisProcess, writeSign } from './holder.ts'

/** Says that this process alone writes to a directory. */
export interface Lock {
  /** Throws `STORE_FAILED` when the process slept so long that another took it for dead. */
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
 * Who sees another takes its own away and looks again, so that the last to look gets the store. Throws `STORE_LOCKED`.
 */
export async function acquireLock(options: LockOptions): Promise<Lock> {
  const { files, dir } = options
  for (;;) {
    const [rival] = await living(options)
    if (rival !== undefined) throw locked(options, rival)
    const holder = await thisProcess()
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
      if ((await living(options)).length === 1) return keep(options, file, name, release)
    } catch (error) {
      await release()
      throw error
    }
    await release()
    await setImmediate()
  }
}

/** The lock files of those who live; the others' are removed. */
async function living(options: LockOptions): Promise<{ holder: Holder; host: string }[]> {
  const { files, dir } = options
  const found: { holder: Holder; host: string }[] = []
  for (const name of await files.list(dir)) {
    const holder = holderIn(name)
    if (holder === undefined) continue
    const bytes = await wholeFile(files, path.join(dir, name))
    if (bytes === undefined) continue
    const sign = readSign(bytes)
    if (await lives(options, holder, sign?.beat)) found.push({ holder, host: sign?.host ?? 'this host' })
    else await removeLock(options, name)
  }
  return found
}

async function lives({ files, dir, clock, heartbeat }: LockOptions, holder: Holder, beat: number | undefined): Promise<boolean> {
  const known = ours.get(holder.token)
  if (known !== undefined) return known.held && known.files === files && known.dir === path.resolve(dir)
  const running = await isRunning(holder)
  // Without a sign, the file was made a moment ago.
  return running ?? (beat === undefined || clock.now() - beat < 3 * heartbeat)
}

/** A lock file that stays is no harm: its holder is dead. */
async function removeLock({ files, dir, logger }: LockOptions, name: string): Promise<void> {
  try {
    await files.remove(path.join(dir, name))
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') logger.warn('A lock file was not removed', { name, error })
  }
}

function keep({ files, dir, clock, logger, heartbeat }: LockOptions, file: OpenFile, name: string, release: () => Promise<void>): Lock {
  let beat = clock.now()
  let beating = Promise.resolve()
  let timer: unknown

  const giveSign = async () => {
    try {
      const now = clock.now()
      await writeAll(file, writeSign(now), 0)
      beat = now
    } catch (error) {
      logger.warn('The sign of life of the store was not written', { error })
    }
  }
  const schedule = () => {
    timer = clock.setTimeout(() => {
      beating = giveSign()
      schedule()
    }, heartbeat)
  }
  schedule()

  return {
    async assertHeld() {
      if (clock.now() - beat < 2 * heartbeat) return
      if (!(await files.list(dir)).includes(name)) {
        throw new LifechartError('STORE_FAILED', 'This process slept, and another took the store over; close it and open it again.')
      }
      await giveSign()
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
