import { connect } from 'node:net'

// What arrives is counted and not kept: one place for all of it.
const buffer = Buffer.allocUnsafe(256 * 1024)

export interface Reading {
  port: number
  path: string
  /** Sent as the header `caller`. */
  caller?: string
}

/** A connection that asks for a path and counts the bytes of the answer; cheaper than any HTTP client, and the same for every server. */
export class Reader {
  readonly begun: Promise<void>
  /** Resolves when the server has closed the connection. */
  readonly ended: Promise<void>
  bytes = 0

  constructor(reading: Reading) {
    let begin = () => {}
    this.begun = new Promise(resolve => (begin = resolve))
    const socket = connect({
      port: reading.port,
      host: '127.0.0.1',
      onread: {
        buffer,
        callback: length => {
          if (this.bytes === 0) begin()
          this.bytes += length
          return true
        },
      },
    })
    this.ended = new Promise((resolve, reject) => {
      socket.on('end', resolve)
      socket.on('error', reject)
    })
    socket.write(requestFor(reading))
  }
}

/** A client that asks and then takes nothing. Resolves when the answer has begun to arrive. */
export function neverRead(reading: Reading): Promise<void> {
  const socket = connect({ port: reading.port, host: '127.0.0.1' })
  socket.write(requestFor(reading))
  return new Promise((resolve, reject) => {
    socket.on('readable', resolve)
    socket.on('error', reject)
  })
}

function requestFor({ port, path, caller }: Reading): string {
  const named = caller === undefined ? '' : `Caller: ${caller}\r\n`
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n${named}\r\n`
}
