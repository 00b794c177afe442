import { expect, it } from 'vitest'
import { settled, simulatedClock } from '../../src/testing/simulated-clock.ts'

it('stands still until it is told to move', async () => {
  const clock = simulatedClock({ start: 1000 })
  await settled()
  expect(clock.now()).toBe(1000)
  clock.tick(5)
  expect(clock.now()).toBe(1005)
})

it('fires timers in order of time, and those of one time as they were armed', () => {
  const clock = simulatedClock({ start: 0 })
  const fired: [string, number][] = []
  const arm = (name: string, delay: number) => clock.setTimeout(() => fired.push([name, clock.now()]), delay)
  arm('late', 30)
  arm('early', 10)
  arm('late, second', 30)
  arm('middle', 20)
  clock.tick(29)
  expect(fired).toEqual([
    ['early', 10],
    ['middle', 20],
  ])
  clock.tick(1)
  expect(fired.slice(2)).toEqual([
    ['late', 30],
    ['late, second', 30],
  ])
})

it('fires a timer that another one arms, if its time comes', () => {
  const clock = simulatedClock({ start: 0 })
  const fired: number[] = []
  const again = () => {
    fired.push(clock.now())
    clock.setTimeout(again, 10)
  }
  clock.setTimeout(again, 10)
  clock.tick(35)
  expect(fired).toEqual([10, 20, 30])
  expect(clock.pending).toBe(1)
})

it('does not fire a timer that was cleared, also by one of the same time', () => {
  const clock = simulatedClock()
  const fired: string[] = []
  clock.setTimeout(() => clock.clearTimeout(second), 10)
  const second = clock.setTimeout(() => fired.push('second'), 10)
  clock.setTimeout(() => fired.push('third'), 10)
  clock.clearTimeout(undefined)
  clock.tick(10)
  expect(fired).toEqual(['third'])
})

it('lets promises and immediates settle after each timer when it advances', async () => {
  const clock = simulatedClock({ start: 0 })
  const order: string[] = []
  clock.setTimeout(async () => {
    order.push('first')
    await new Promise(resolve => setImmediate(resolve))
    clock.setTimeout(() => order.push('armed by the first'), 5)
  }, 10)
  clock.setTimeout(() => order.push('last'), 20)
  await clock.advance(20)
  expect(order).toEqual(['first', 'armed by the first', 'last'])
  expect(clock.now()).toBe(20)
})

it('takes delays as Node does: below 1 and beyond 2^31 - 1 they are 1', () => {
  for (const delay of [0, -5, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY]) {
    const clock = simulatedClock()
    let fired = false
    clock.setTimeout(() => (fired = true), delay)
    clock.tick(0)
    expect(fired).toBe(false)
    clock.tick(1)
    expect(fired).toBe(true)
  }
  const clock = simulatedClock()
  let fired = false
  clock.setTimeout(() => (fired = true), 2 ** 31 - 1)
  clock.tick(2 ** 31 - 2)
  expect(fired).toBe(false)
  clock.tick(1)
  expect(fired).toBe(true)
})

it('moves the time of day without moving its timers', () => {
  const clock = simulatedClock({ start: 1000 })
  let fired = false
  clock.setTimeout(() => (fired = true), 10)
  clock.jump(-500)
  expect(clock.now()).toBe(500)
  clock.jump(5000)
  expect(fired).toBe(false)
  clock.tick(10)
  expect([fired, clock.now()]).toEqual([true, 5510])
})
