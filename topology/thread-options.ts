/** What a stream thread runs with, and whom it tells of it. */
import type { TableView } from './change.ts'
import type { RestoreEvent } from './changelog-reader.ts'
import type { ProcessingGuarantee } from './commit.ts'
import type { DeadLetter } from './dead-letters.ts'
import type { FailureHandlers } from './failure-policy.ts'
import type { Decision } from './recorded.ts'
import type { TaskPlacementOptions } from './task-placement.ts'

export interface ThreadOptions
  extends Omit<TaskPlacementOptions, 'storesOf' | 'running' | 'rejoin' | 'onNotice'> {
  readonly guarantee: ProcessingGuarantee
  /** Milliseconds from one commit of a task to the next. */
  readonly commitInterval: number
  /** Milliseconds; the log's default if undefined. */
  readonly sessionTimeout: number | undefined
  /** Partitions of all topics the topology reads and writes. */
  readonly partitions: ReadonlyMap<string, number>
  /** Bytes of the largest batch that each of them takes. */
  readonly batchLimits: ReadonlyMap<string, number>
  readonly failureHandlers: FailureHandlers
  /** The contents of global tables, by their node. */
  readonly globals: ReadonlyMap<string, TableView>
  /** Bytes of updates that the record caches of its tables may hold back; 0 for none. */
  readonly cacheBytes: number
  readonly listener: ThreadListener
}

/** What a node wants to know of its threads. */
export interface ThreadListener {
  onNotice(text: string): void
  onDeadLetter(letter: DeadLetter): void
  onDecision(task: string, store: string, decision: Decision<unknown>): void
  onRestored(task: string, records: number): void
  onRestore(event: RestoreEvent): void
}
