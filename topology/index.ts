/**
 * The public API of the engine: build a topology (`TopologyBuilder`), run it (`StreamsNode`) on a log (`memoryLog`; the
 * Kafka log is in `topology/log/kafka`), try it in a test (`tickerwatch/testing`), look at it (`describe`, `mermaid`). Each
 * operator's doc comment has an example, which `test/examples.test.ts` runs.
 */

export { type Deserialize, deserializing, type Read, readerOf } from '../state/coder.ts'
export { KeyValueStore, SessionStore, VersionedStore, WindowStore } from '../state/index.ts'
export type { MapBatchOptions } from './batching.ts'
export {
  type BuildOptions,
  type PartitionTimeExtractor,
  type SourceOptions,
  TopologyBuilder,
} from './builder.ts'
export type { RestoreEvent, RestoreRange } from './changelog-reader.ts'
export type { PunctuationType } from './clocks.ts'
export { type Aggregator, CogroupedStream } from './cogrouped.ts'
export type { ProcessingGuarantee } from './commit.ts'
export {
  deadLetters,
  isMeant,
  type LetterFilter,
  type QueueOptions,
  type Replay,
  replayDeadLetters,
  type StoredLetter,
} from './dead-letter-queue.ts'
export { type DeadLetter, deadLetterHeaders, deadLetterRecord } from './dead-letters.ts'
export { type DecisionLogOptions, decisionsOf, type LoggedDecision } from './decision-log.ts'
export { describe, mermaid } from './describe.ts'
export { type Distribution, distribution, observe } from './distribution.ts'
export { type Duration, milliseconds } from './duration.ts'
export { type ErrorCode, type Recovery, recovery, remedy, TickerError } from './errors.ts'
export type {
  FailureAnswer,
  FailureHandler,
  FailureHandlers,
  FailureReason,
  FailureStage,
  InputRecord,
  RecordFailure,
} from './failure-policy.ts'
export type { ForeignKeyed } from './foreign-key.ts'
export { GlobalTable } from './global-table.ts'
export { type Graph, type GraphNode, storesOf } from './graph.ts'
export { GroupedStream } from './grouped.ts'
export { GroupedTable } from './grouped-table.ts'
export { lossesOf } from './internal-topics.ts'
export type { GlobalJoined, StreamJoined, TableJoined } from './joined.ts'
export { lagOf, type PartitionPositions } from './lag.ts'
export type {
  Admin,
  CommittedOffset,
  Consumer,
  GroupState,
  Headers,
  Log,
  MemberState,
  PartitionState,
  Producer,
  ProducerRecord,
  Reader,
  TopicDescription,
  TopicPartition,
  TopicSetting,
  TopicSpec,
  TopicState,
} from './log/log.ts'
export { memoryLog } from './log/memory/memory-log.ts'
export { type RecordBatch, RecordCursor } from './log/record-batch.ts'
export type { Materialized } from './materialized.ts'
export { type NodeOptions, StreamsNode } from './node.ts'
export type { NodeStatus, TaskStatus } from './node-status.ts'
export { partitionOf } from './partitioner.ts'
export type { NodeTasks } from './placement.ts'
export { changelogTopic, deadLetterTopic, plan } from './plan.ts'
export type {
  ForwardedRecord,
  ForwardedValue,
  ProcessorContext,
  ProcessorRecord,
  StoreHandle,
  TableContents,
  ValueProcessorContext,
} from './processor.ts'
export type {
  Answer,
  KeyOwner,
  Queries,
  QueryOptions,
  RangeOptions,
  StoreDescription,
  StoreKind,
  StoreQueries,
  TimeRange,
} from './queries.ts'
export type { RecordPosition, StreamRecord } from './record.ts'
export type { Decision, RecordedInput } from './recorded.ts'
export { type ReplayedTask, type ReplayOptions, replayTask } from './replay.ts'
export {
  type PlannedPosition,
  type PlannedReset,
  planReset,
  type ResetOptions,
  type ResetTo,
  reset,
} from './reset.ts'
export {
  bytes,
  double,
  evolved,
  json,
  long,
  readyOf,
  type Serde,
  string,
  upgraded,
} from './serde.ts'
export type { StandbyStatus } from './standby.ts'
export { KStream } from './stream.ts'
export {
  type BufferLimits,
  type Suppression,
  untilTimeLimit,
  untilWindowCloses,
} from './suppressed.ts'
export { KTable, WindowedTable } from './table.ts'
export type { ThreadStatus } from './thread-status.ts'
export { systemTimers, type Timers } from './timers.ts'
export {
  CollectedStream,
  type WindowAggregator,
  type WindowClock,
  WindowedCogroupedStream,
  WindowedStream,
  type WindowResultOptions,
} from './windowed.ts'
export { sessionWindowedSerde, timeWindowedSerde, windowedSerde } from './windowed-serde.ts'
export {
  hopping,
  type SessionWindows,
  type SlidingWindows,
  session,
  sliding,
  type TimeWindows,
  tumbling,
  type UnlimitedWindows,
  unlimited,
  type Windowed,
  type WindowSamples,
  type Windows,
} from './windows.ts'
export {
  type NodeListener,
  type ThreadContext,
  type ThreadMaker,
  type ThreadNode,
  WorkerThreads,
  type WorkerThreadsOptions,
} from './worker-threads.ts'
