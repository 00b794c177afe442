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
