export type { FastCheck } from './fast-check.ts'
export { type RandomOperationsOptions, randomOperations } from './random-operations.ts'
export type { ConformanceStore, ConformanceSubject, Runner } from './subject.ts'
export { adapterConformance } from './suite.ts'
