/** Somebody waits here until it is opened. */
export class Gate {
  open: () => void = () => undefined
  readonly passed = new Promise<void>(resolve => (this.open = resolve))
}
