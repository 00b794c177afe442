import { Observable, type Observer, type Operator, type Subscription } from 'rxjs'
import { errorText } from '../error-text.ts'
import type { Logger } from '../port.ts'
import type { Following, Sink } from './sink.ts'

/**
 * An Observable whose consumers can not take the process down: RxJS reports what a consumer's callback throws as an uncaught
 * exception, also behind operators. Here it is logged, and the consumer is unsubscribed.
 */
export class GuardedObservable<T> extends Observable<T> {
  readonly #logger: Logger

  constructor(logger: Logger, subscribe?: ConstructorParameters<typeof Observable<T>>[0]) {
    super(subscribe)
    this.#logger = logger
  }

  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    const lifted = new GuardedObservable<R>(this.#logger)
    lifted.source = this
    lifted.operator = operator
    return lifted
  }

  override subscribe(observerOrNext?: Partial<Observer<T>> | ((value: T) => void) | null, ...rest: unknown[]): Subscription {
    const given: Partial<Observer<T>> =
      typeof observerOrNext === 'function'
        ? { next: observerOrNext, error: rest[0] as Observer<T>['error'], complete: rest[1] as Observer<T>['complete'] }
        : (observerOrNext ?? {})
    // Operators pass their own subscriber through, which must stay the very same object.
    if ('closed' in given && 'add' in given) return super.subscribe(given)
    let threw = false
    const guard =
      <A extends unknown[]>(call: ((...values: A) => void) | undefined) =>
      (...values: A) => {
        if (threw) return
        try {
          call?.apply(given, values)
        } catch (error) {
          threw = true
          this.#logger.warn('A subscriber threw and was unsubscribed.', { error: errorText(error) })
          queueMicrotask(() => subscription.unsubscribe())
        }
      }
    const subscription: Subscription = super.subscribe({
      next: guard(given.next),
      error: given.error
        ? guard(given.error)
        : error => this.#logger.warn('A subscription ended with an error nobody takes.', { error: errorText(error) }),
      complete: guard(given.complete),
    })
    return subscription
  }
}

/** Every subscription of the Observable follows anew. */
export function observe<E>(follow: (sink: Sink<E>, onClose: (error?: Error) => void) => Following, logger: Logger): Observable<E> {
  return new GuardedObservable<E>(logger, subscriber => {
    const following = follow(
      batch => {
        for (const event of batch.events) subscriber.next(event)
      },
      error => (error ? subscriber.error(error) : subscriber.complete()),
    )
    return () => following.close()
  })
}
