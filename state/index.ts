/** Local state of tasks: where it is kept, and what can go wrong with it. */
export { StateError, type StateErrorCode, stateErrors } from './errors.ts'
export { memoryBackend } from './memory.ts'
export { rocksdbBackend } from './rocksdb.ts'
export type { Checkpoint, StateBackend, StoreChange, StoreRange, TaskStore } from './store.ts'
