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
export {
  type ExecutorMachineEvent,
  strictTaskMachine,
  type TaskContext,
  type TaskFault,
  type TaskInput,
  type TaskMachineEvent,
  type TaskOrphanPolicy,
  type TaskStatusEvent,
  taskMachine,
} from './task.ts'
