import { randomBytes } from 'node:crypto'
import { readFile, readlink } from 'node:fs/promises'
import os from 'node:os'
import { crc32 } from 'node:zlib'
import { isCount, isObject, isText } from './facts.ts'
import { systemCode } from './failures.ts'

/** Who holds, or held, the lock of a store: told by the name of its lock file, so that no half written file leaves it open. */
export interface Holder {
  /** Tells apart where process numbers mean something: hosts, their starts, and containers with numbers of their own. */
  host: string
  pid: number
  /** When the process started, as the system counts; `0` when it does not tell. A number used again for another process differs. */
  start: string
  /** Tells apart what one process opens; begins with when that was. */
  token: string
}

const timeDigits = 12

/** What stands in a lock file: for people, and for those who can not ask whether the process lives. */
export interface SignOfLife {
  host: string
  /** Milliseconds since the epoch. */
  beat: number
}

const shape = /^lock\.([0-9a-f]{8})\.([1-9]\d{0,9})\.(\d{1,20})\.([0-9a-f]{32})$/

export async function thisProcess(now: number): Promise<Holder> {
  return {
    host: await thisHost(),
    pid: process.pid,
    start: (await processEntry(process.pid))?.start ?? '0',
    token: Math.max(0, Math.trunc(now)).toString(16).padStart(timeDigits, '0').slice(-timeDigits) + randomBytes(10).toString('hex'),
  }
}

/** When the lock file was made: milliseconds since the epoch. */
export const madeAt = ({ token }: Holder) => Number.parseInt(token.slice(0, timeDigits), 16)

let host: Promise<string> | undefined

/** The same number of a process means another one after a restart of the machine, and in another PID namespace. */
function thisHost(): Promise<string> {
  host ??= Promise.all([
    os.hostname(),
    orNothing(readFile('/proc/sys/kernel/random/boot_id', 'latin1')),
    orNothing(readlink('/proc/self/ns/pid')),
  ]).then(facts => crc32(facts.join()).toString(16).padStart(8, '0'))
  return host
}

/** Only Linux tells. */
const orNothing = (fact: Promise<string>) => fact.catch(() => '')

export const lockName = ({ host, pid, start, token }: Holder) => `lock.${host}.${pid}.${start}.${token}`

export function holderIn(name: string): Holder | undefined {
  const [, host, pid, start, token] = shape.exec(name) ?? []
  return token === undefined ? undefined : { host: host!, pid: Number(pid), start: start!, token }
}

/** Of one length, so that it is overwritten in place. */
export const writeSign = (beat: number) => Buffer.from(`{"host":${JSON.stringify(os.hostname())},"beat":${String(beat).padStart(16)}}\n`)

export function readSign(bytes: Buffer): SignOfLife | undefined {
  try {
    const sign: unknown = JSON.parse(bytes.toString())
    return isObject(sign) && isText(sign.host) && isCount(sign.beat) ? { host: sign.host, beat: sign.beat } : undefined
  } catch {
    return undefined
  }
}

/** Whether the process lives, as far as the system can say: not for other hosts, nor for other openings by this very process. */
export async function isRunning({ host, pid, start }: Holder): Promise<boolean | undefined> {
  if (host !== (await thisHost())) return undefined
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (systemCode(error) === 'ESRCH') return false
  }
  const actual = await processEntry(pid)
  if (actual === undefined) return undefined
  // It has ended, and its parent has not asked how.
  if (actual.state === 'Z' || actual.state === 'X') return false
  if (start === '0') return undefined
  if (actual.start !== start) return false
  return pid === process.pid ? undefined : true
}

/** The 3rd and the 22nd field of Linux's process table; undefined elsewhere. */
async function processEntry(pid: number): Promise<{ state: string; start: string } | undefined> {
  try {
    const line = await readFile(`/proc/${pid}/stat`, 'latin1')
    // The second field, the name in parentheses, may hold anything.
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] ?? '', start: fields[19] ?? '0' }
  } catch {
    return undefined
  }
}
