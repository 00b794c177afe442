import { describe, expect, it } from 'vitest'
import { isPublic, type Resolve } from '../../src/a2a/push/addresses.ts'
import { processes } from '../runs/support.ts'
import { type Script, state } from '../tasks/support.ts'
import { caller, config, dealtWith, hangs, receivers, sends, serve, until } from './push-receiver.ts'

const house = processes()
const receiver = receivers()

function works(script: Script): void {
  script.task()
  script.status(state.TASK_STATE_COMPLETED)
}

const named = (...addresses: string[]): Resolve => {
  return async () => addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 }))
}

describe('an address', () => {
  it.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.168.1.1',
    '198.18.0.1',
    '198.19.255.255',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fc00::1',
    'fdff::1',
    'fe80::1',
    'fe80::1%eth0',
    'febf::1',
    'ff02::1',
    '::ffff:8.8.8.8',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::127.0.0.1',
    '64:ff9b::808:808',
    '2001::1',
    '2002:7f00:1::',
    'localhost',
    '',
  ])('like %s is not public', address => {
    expect(isPublic(address)).toBe(false)
  })

  it.each([
    '8.8.8.8',
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.1',
    '100.63.255.255',
    '100.128.0.1',
    '172.15.255.255',
    '172.32.0.1',
    '192.167.1.1',
    '223.255.255.255',
    '2606:4700::1',
    '2a00:1450:4001::5',
  ])('like %s is public', address => {
    expect(isPublic(address)).toBe(true)
  })
})

describe('a notification', () => {
  it.each([
    ['a name of a private address', 'hook.test', named('10.0.0.1')],
    ['a name of this machine', 'hook.test', named('127.0.0.1')],
    ['a name of which one address of several is private', 'hook.test', named('8.8.8.8', '127.0.0.1')],
    ['a name of a mapped address', 'hook.test', named('::ffff:127.0.0.1')],
    ['a name without an address', 'hook.test', named()],
    ['a private address', '127.0.0.1', named('8.8.8.8')],
    ['a private address in one number', '2130706433', named('8.8.8.8')],
    ['a private address in octal', '0177.0.0.1', named('8.8.8.8')],
    ['a private address of IPv6', '[::1]', named('8.8.8.8')],
    ['a mapped address', '[::ffff:127.0.0.1]', named('8.8.8.8')],
  ])('to %s is refused, and nothing is connected to', async (_what, host, resolve) => {
    const hook = await receiver()
    const { lifechart, log } = await house.open()
    const handler = serve(lifechart, works, { push: { allowPrivateHosts: false, attempts: 1, resolve } })
    await handler.sendMessage(sends('go', config(hook.url('/', host))), caller())
    await dealtWith(handler, 2)
    expect(handler.pushStats()).toMatchObject({ delivered: 0, dead: 2 })
    expect(hook.received).toEqual([])
    expect(log.filter(({ level }) => level === 'error').map(({ facts }) => facts.failure)).toEqual(['address refused', 'address refused'])
  })

  it('goes to the address that was checked, for which its name is looked up once for each try', async () => {
    const hook = await receiver()
    const asked: string[] = []
    const resolve: Resolve = async host => {
      asked.push(host)
      return [{ address: '127.0.0.1', family: 4 }]
    }
    const { lifechart } = await house.open()
    const handler = serve(lifechart, works, { push: { allowPrivateHosts: true, resolve } })
    await handler.sendMessage(sends('go', config(hook.url('/', 'hook.invalid'))), caller())
    await dealtWith(handler, 2)
    expect(hook.said).toEqual(['task submitted', 'completed'])
    expect(hook.received.map(({ headers }) => headers.host)).toEqual(Array(2).fill(`hook.invalid:${hook.port}`))
    expect(asked).toEqual(['hook.invalid', 'hook.invalid'])
  })

  it('to a name that nobody can look up fails, and is tried again', async () => {
    const resolve: Resolve = () => Promise.reject(Object.assign(new Error('getaddrinfo s3cret'), { code: 'ENOTFOUND' }))
    const { lifechart, log } = await house.open()
    const handler = serve(lifechart, works, { push: { resolve } })
    await handler.sendMessage(sends('go', config('https://hook.test/')), caller())
    await until(() => handler.pushStats().failed === 1)
    const [warning] = log.filter(({ level }) => level === 'warn')
    expect(warning?.facts).toMatchObject({ failure: 'ENOTFOUND', attempts: 1 })
    expect(JSON.stringify(log)).not.toContain('s3cret')
  })

  it('whose name is looked up for ever is given up in time', async () => {
    let asked = 0
    const resolve: Resolve = () => {
      asked++
      return new Promise(() => undefined)
    }
    const { lifechart, clock, log } = await house.open()
    const handler = serve(lifechart, works, { push: { resolve, timeout: 700 } })
    await handler.sendMessage(sends('go', config('https://hook.test/')), caller())
    await until(() => asked === 1)
    await clock.advance(699)
    expect(handler.pushStats().failed).toBe(0)
    await clock.advance(1)
    await until(() => handler.pushStats().failed === 1)
    // Nobody has refused an address.
    expect(log.find(({ message }) => message.startsWith('A notification was not taken'))?.facts.failure).toBe('timeout')
  })

  it('that is under way when the runtime is closed is broken off', async () => {
    const hook = await receiver()
    hook.behaviour = hangs
    const { lifechart } = await house.open()
    const handler = serve(lifechart, works)
    await handler.sendMessage(sends('go', config(hook.url())), caller())
    await until(() => hook.received.length === 1)
    await lifechart.close()
    await until(() => hook.received[0]?.answer.destroyed === true)
    await until(() => handler.pushStats().held === 0)
  })
})

describe('the policy', () => {
  it.each([[{ attempts: 0 }], [{ attempts: 1.5 }], [{ backoff: -1 }], [{ backoff: Number.NaN }], [{ timeout: 0 }]])(
    'is refused with %j',
    async push => {
      const { lifechart } = await house.open()
      expect(() => serve(lifechart, works, { push })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    },
  )
})
