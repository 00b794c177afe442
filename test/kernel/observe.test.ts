import { combineLatestWith, filter, firstValueFrom, map, mergeMap, of, Subject, share, take, tap, toArray } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LifechartError } from '../../src/errors.ts'
import { GuardedObservable, observe } from '../../src/kernel/stream/observe.ts'
import { SinkCursor } from '../../src/kernel/stream/sink.ts'
import type { Stream } from '../../src/kernel/stream/stream.ts'
import { type TestEnvironment, testEnvironment } from '../../src/testing/environment.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { numberedStream, type Shown } from '../support/numbered-stream.ts'

const uncaught: unknown[] = []
const record = (error: unknown) => uncaught.push(error)
let environment: TestEnvironment
beforeEach(() => {
  uncaught.length = 0
  environment = testEnvironment()
  process.prependListener('uncaughtException', record)
})
afterEach(() => {
  process.removeListener('uncaughtException', record)
})

/** RxJS reports what a consumer throws in a timer of its own. */
async function reported(): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, 0))
  await settled()
}

const explode = () => {
  throw new Error('bad consumer')
}

describe('an observable of ours', () => {
  const source = (subject: Subject<number>) =>
    new GuardedObservable<number>(environment.logger, subscriber => subject.subscribe(subscriber))

  it('logs what a consumer throws and unsubscribes it; the others go on', async () => {
    const subject = new Subject<number>()
    const seen: number[] = []
    source(subject).subscribe(explode)
    source(subject).subscribe(value => seen.push(value))
    for (let i = 0; i < 3; i++) {
      subject.next(i)
      await settled(1)
    }
    await reported()
    expect(seen).toEqual([0, 1, 2])
    expect(uncaught).toEqual([])
    expect(environment.log).toMatchObject([{ level: 'warn', facts: { error: 'Error: bad consumer' } }])
    expect(subject.observed).toBe(true)
  })

  it('gives a consumer that threw nothing more, also within one burst', async () => {
    const subject = new Subject<number>()
    let calls = 0
    source(subject).subscribe(() => {
      calls++
      explode()
    })
    for (let i = 0; i < 5; i++) subject.next(i)
    await reported()
    expect(calls).toBe(1)
    expect(subject.observed).toBe(false)
    expect(environment.log).toHaveLength(1)
  })

  it.each([
    ['map', () => map((value: number) => value * 2)],
    ['filter', () => filter(() => true)],
    ['tap', () => tap<number>(() => undefined)],
    ['mergeMap', () => mergeMap((value: number) => of(value))],
    ['share', () => share<number>()],
    ['combineLatestWith', () => combineLatestWith(of(1))],
  ])('is guarded behind operators as well: %s', async (_name, operator) => {
    const subject = new Subject<number>()
    source(subject)
      .pipe(operator() as never)
      .subscribe({ next: explode })
    subject.next(1)
    await reported()
    expect(uncaught).toEqual([])
    expect(environment.log).toHaveLength(1)
  })

  it('is guarded where a consumer throws on the error or the completion', async () => {
    const failing = new Subject<number>()
    source(failing).subscribe({ error: explode })
    failing.error(new Error('x'))
    const completing = new Subject<number>()
    source(completing).subscribe({ complete: explode })
    completing.complete()
    await reported()
    expect(uncaught).toEqual([])
    expect(environment.log).toHaveLength(2)
  })

  it('logs an error that nobody takes', async () => {
    const failing = new Subject<number>()
    source(failing).subscribe(() => undefined)
    failing.error(new LifechartError('STORE_UNAVAILABLE', 'Down.'))
    await reported()
    expect(uncaught).toEqual([])
    expect(environment.log).toMatchObject([{ level: 'warn' }])
  })

  it('works as any other: operators see errors of their own, promises end', async () => {
    const subject = new Subject<number>()
    const errors: unknown[] = []
    source(subject)
      .pipe(map(explode))
      .subscribe({ error: error => errors.push(error) })
    const two = firstValueFrom(source(subject).pipe(take(2), toArray()))
    subject.next(1)
    subject.next(2)
    expect(await two).toEqual([1, 2])
    expect(errors).toMatchObject([{ message: 'bad consumer' }])
    expect(environment.log).toEqual([])
  })
})

const observing = (stream: Stream<Shown>, after = 0) =>
  observe<Shown>((sink, onClose) => new SinkCursor(stream, sink, { after, onClose }), environment.logger)

describe('observing a stream', () => {
  it('replays, follows and completes; each subscription anew', async () => {
    const { stream, publish } = await numberedStream()
    await publish(2)
    const numbers$ = observing(stream)
    const seen: unknown[] = []
    numbers$.subscribe({ next: value => seen.push(value), complete: () => seen.push('complete') })
    await settled()
    await publish(1)
    stream.end()
    expect(seen).toEqual([1, 2, 3, 'complete'])
    expect(await firstValueFrom(numbers$.pipe(toArray()))).toEqual([1, 2, 3])
  })

  it('passes on what ends it', async () => {
    const { stream, publish } = await numberedStream()
    await publish(1)
    const seen: unknown[] = []
    observing(stream, 1).subscribe({
      next: value => seen.push(value),
      error: error => seen.push(error.code),
    })
    await settled()
    stream.fail(new LifechartError('STORE_UNAVAILABLE', 'Down.'))
    expect(seen).toEqual(['STORE_UNAVAILABLE'])
  })

  it('stops following when it is unsubscribed', async () => {
    const { stream } = await numberedStream()
    const subscription = observing(stream).subscribe()
    expect(stream.audience).toBe(1)
    subscription.unsubscribe()
    expect(stream.audience).toBe(0)
  })
})
