export {
  adapterConformance,
  type ConformanceStore,
  type ConformanceSubject,
  type FastCheck,
  type RandomOperationsOptions,
  type Runner,
  randomOperations,
} from './conformance/index.ts'
export { type LogRecord, seededIds, type TestEnvironment, testEnvironment } from './environment.ts'
export { type SimulatedClock, settled, simulatedClock } from './simulated-clock.ts'
export { openTestLifechart, type TestLifechart, type TestLifechartOptions } from './test-lifechart.ts'
