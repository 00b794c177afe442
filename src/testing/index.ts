export { type LogRecord, seededIds, type TestEnvironment, testEnvironment } from './environment.ts'
export { type SimulatedClock, settled, simulatedClock } from './simulated-clock.ts'
export { openTestLifechart, type TestLifechart, type TestLifechartOptions } from './test-lifechart.ts'
