import type { Connection } from './connection.ts'

/** The body of a `Response`: a piece is asked for when the one before has been taken, so nothing waits in a queue of its own. */
export function webBody(connection: Connection): ReadableStream<Uint8Array> {
  let open = true
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        connection.carrier = {
          // Who reads has taken all there is; a comment is not worth a queue.
          send: bytes => open && controller.desiredSize === 0 && controller.enqueue(bytes),
          abort() {
            if (open) controller.error(new Error('The stream was cut off before its end.'))
            open = false
          },
        }
      },
      async pull(controller) {
        const piece = await connection.next()
        if (!open) return
        if (piece) controller.enqueue(piece)
        else {
          open = false
          controller.close()
        }
      },
      cancel() {
        open = false
        connection.close()
      },
    },
    { highWaterMark: 0 },
  )
}
