export type { ActorsService, SpawnOptions } from './actors.ts'
export { type ErrorCode, isLifechartError, LifechartError } from './errors.ts'
export type { Explanation } from './explain.ts'
export { defineMigrations, type Migration, type PersistedSnapshot } from './kernel/envelope.ts'
export type { Clock, Environment, Ids, Logger } from './kernel/environment.ts'
export type { AdapterSource } from './kernel/port.ts'
export type { Transition } from './kernel/product.ts'
export type { Batch } from './kernel/stream/batch.ts'
export type { FollowOptions } from './kernel/stream/cursor.ts'
export type { Cause, Deadline, StepRecord } from './kernel/stream/record.ts'
export type { Following, Sink, SinkOptions } from './kernel/stream/sink.ts'
export type { Subscription } from './kernel/stream/subscription.ts'
export { type CloseOptions, type Health, Lifechart, type LifechartOptions, openLifechart, type Stats } from './lifechart.ts'
export type { Gap, Lifecycle, LifecycleStep } from './lifecycle.ts'
export { defaultLimits, type Limits } from './limits.ts'
export type { OrphanPolicy, RunFailure, StopReason } from './machines/run.ts'
export type { CloseMode } from './runs/closing.ts'
export type { RunChunk, RunEnd, RunEvent, RunGap, RunOutcome, RunState, RunStatus } from './runs/events.ts'
export type { RunInfo } from './runs/info.ts'
export type { Run } from './runs/live-run.ts'
export type { RunLimits, StartOptions, StartPolicy, TypedProducer } from './runs/options.ts'
export type { Producer, ProducerContext, ProducerFunction } from './runs/producer.ts'
export type { Selection } from './runs/reading.ts'
export type { RunsService } from './runs/runs.ts'
export type { ExecutionContext, TaskExecutor, TaskPolicy } from './tasks/agent.ts'
export type { TaskBus } from './tasks/bus.ts'
export type { TaskFeed } from './tasks/feed.ts'
export {
  type Artifact,
  type ExecutionEvent,
  type Message,
  type Part,
  type PartContent,
  Role,
  type SendRequest,
  type StreamResponse,
  type Task,
  type TaskArtifactUpdateEvent,
  TaskState,
  type TaskStatus,
  type TaskStatusUpdateEvent,
} from './tasks/model.ts'
export type { HistoryLength, ListOptions, TaskPage } from './tasks/queries.ts'
export type { Caller } from './tasks/request.ts'
export type { SendOptions, SubscribeOptions, TasksService } from './tasks/tasks.ts'
