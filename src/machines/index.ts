export { retentionMachine } from './retention.ts'
export {
  type OrphanPolicy,
  type RunContext,
  type RunFailure,
  type RunInput,
  type RunMachineEvent,
  runMachine,
  type StopReason,
} from './run.ts'
export { strictTaskMachine, taskMachine } from './task.ts'
export type {
  ExecutorMachineEvent,
  TaskContext,
  TaskFault,
  TaskInput,
  TaskMachineEvent,
  TaskOrphanPolicy,
  TaskStatusEvent,
} from './task-setup.ts'
