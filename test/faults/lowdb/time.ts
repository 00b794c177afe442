/** One turn of the event loop: what an operation on a disk in memory takes. */
export const turn = () => new Promise<void>(resolve => setImmediate(resolve))
