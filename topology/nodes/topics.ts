/** Nodes at the edges of sub-topologies: where records come from and go to. */
import type { StreamRecord } from '../record.ts'
import type { Serde } from '../serde.ts'
import type { NodeBase } from './base.ts'

export interface SourceNode extends NodeBase {
  readonly kind: 'source'
  readonly topics: readonly string[]
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  timestamp?(value: unknown, record: StreamRecord, partitionTime: number): number
  /** Whether `timestamp` does read the partition time, which is kept then. */
  readonly readsPartitionTime?: boolean
  validate?(value: unknown, record: StreamRecord): string | undefined
}

/** A sink and a source in one: its input belongs to one sub-topology, what follows it to another. */
export interface RepartitionNode extends NodeBase {
  readonly kind: 'repartition'
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** Of its topic; as many as its sub-topology has tasks, if absent. */
  readonly partitions: number | undefined
  /** Whether it is there because what follows needs it, not because it was asked for. */
  readonly isImplied?: boolean
}

export interface SinkNode extends NodeBase {
  readonly kind: 'sink'
  /** Where it may write to; the only one, unless `topic` chooses. */
  readonly topics: readonly string[]
  topic?(value: unknown, key: unknown): string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
}

export type TopicNode = SourceNode | RepartitionNode | SinkNode
