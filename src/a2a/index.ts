export { connectionAware } from './connection-aware.ts'
export { DefaultRequestHandler, type DropInOptions } from './drop-in.ts'
export type { LifechartRequestContext } from './executor.ts'
export { type A2ARequestHandlerOptions, a2aRequestHandler } from './handler.ts'
