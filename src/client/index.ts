export type { RunChunk, RunEnd, RunEvent, RunGap, RunState } from '../runs/events.ts'
export type { FollowClock } from './clock.ts'
export { FollowError } from './error.ts'
export { type Disconnection, type Following, type FollowOptions, follow } from './follow.ts'
