import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'

export interface Address {
  address: string
  /** 4 or 6. */
  family: number
}

/** Every address of a host name. */
export type Resolve = (host: string) => Promise<readonly Address[]>

export const systemResolve: Resolve = host => lookup(host, { all: true })

const closed4 = blocks('ipv4', [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
])

/** All that is global unicast in IPv6: loopback, local, multicast, and mapped and translated IPv4 addresses lie outside. */
const open6 = blocks('ipv6', [['2000::', 3]])

/** Protocol assignments with Teredo, documentation, and 6to4: the last and the first carry IPv4 addresses. */
const closed6 = blocks('ipv6', [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
])

function blocks(type: 'ipv4' | 'ipv6', nets: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList()
  for (const [net, prefix] of nets) list.addSubnet(net, prefix, type)
  return list
}

/** True for an address that anybody on the internet may be reached at. */
export function isPublic(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !closed4.check(address, 'ipv4')
  return family === 6 && open6.check(address, 'ipv6') && !closed6.check(address, 'ipv6')
}

/** The addresses of the host of a url, looked up once; undefined if there is none, or one of them is not public. */
export async function publicAddresses({ hostname }: URL, resolve: Resolve): Promise<readonly Address[] | undefined> {
  const addresses = await addressesOf(hostname, resolve)
  return addresses.length > 0 && addresses.every(({ address }) => isPublic(address)) ? addresses : undefined
}

/** An address stands for itself; IPv6 is in brackets in a url. */
export async function addressesOf(hostname: string, resolve: Resolve): Promise<readonly Address[]> {
  const literal = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  const family = isIP(literal)
  return family === 0 ? resolve(hostname) : [{ address: literal, family }]
}
