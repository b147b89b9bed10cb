/** Tables: the newest value of each key. What flows out of these nodes are changes (change.ts), unless it says otherwise. */
import type { Serde } from '../serde.ts'
import type { NodeBase, TableNodeBase } from './base.ts'

/** How a table's contents are kept. */
export interface TableStoreSpec {
  /** Its changelog topic is named after it. */
  readonly name: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** Milliseconds for which older versions of a value are kept; undefined where only the latest is. */
  readonly history?: number
  /** The topic of the application's that stands for its changelog, if one does (source-changelog.ts). */
  readonly changelog?: string
}

/** A stream taken as a table: each record is its key's newest value, or deletes it. Input: the stream. */
export interface TableSourceNode extends TableNodeBase {
  readonly kind: 'tableSource'
  readonly store: TableStoreSpec
  /** Whether there is a store: where it was asked for by name, or where what follows needs it. */
  readonly materialized: boolean
}

/** Those rows for which the predicate holds. */
export interface TableFilterNode extends TableNodeBase {
  readonly kind: 'tableFilter'
  readonly store: TableStoreSpec | undefined
  /** Whether the table is of versions: then every update is handed on, whether it passes or not (KIP-914). */
  readonly ofVersions?: boolean
  predicate(value: unknown, key: unknown): boolean
}

/** Another value for each row. */
export interface TableMapValuesNode extends TableNodeBase {
  readonly kind: 'tableMapValues'
  readonly store: TableStoreSpec | undefined
  /** Whether the mapper is called for rows that are not there, too, with null. */
  readonly mapsAbsent: boolean
  mapper(value: unknown, key: unknown): unknown
}

/** Records of a group's key, with the change of what the row adds to the group. Repartitioned, then aggregated. */
export interface TableGroupByNode extends NodeBase {
  readonly kind: 'tableGroupBy'
  readonly key: Serde<unknown>
  mapper(value: unknown, key: unknown): readonly [key: unknown, value: unknown]
}

/** An aggregate of the rows of each group. Input: a repartition topic of changes. */
export interface GroupedTableAggregateNode extends TableNodeBase {
  readonly kind: 'groupedTableAggregate'
  readonly store: TableStoreSpec
  /** What an aggregate begins with. */
  initial(): unknown
  add(aggregate: unknown, value: unknown, key: unknown): unknown
  subtract(aggregate: unknown, value: unknown, key: unknown): unknown
}

/** Rows of equal keys, joined. Inputs: the left and the right table. */
export interface TableJoinNode extends TableNodeBase {
  readonly kind: 'tableJoin'
  readonly store: TableStoreSpec | undefined
  /** Whether a left row without a right one is in the result, joined with null. */
  readonly keepsLeft: boolean
  readonly keepsRight: boolean
  joiner(left: unknown, right: unknown): unknown
}

/** Updates held back for a time. */
export interface SuppressNode extends TableNodeBase {
  readonly kind: 'suppress'
  readonly store: TableStoreSpec
  /** Milliseconds after an update's time. */
  readonly wait: number
  /** Whether what comes out is final: windows that never came out need no deletion. */
  readonly isFinal: boolean
  readonly maxRecords?: number
  readonly maxBytes?: number
  readonly onFull: 'emitEarly' | 'shutDown'
  /** From when on an update waits. */
  timeOf(key: unknown, timestamp: number): number
}

/** A table's changes as a stream of the new values. */
export interface TableToStreamNode extends NodeBase {
  readonly kind: 'tableToStream'
}

export type TableNode =
  | TableSourceNode
  | TableFilterNode
  | TableMapValuesNode
  | TableGroupByNode
  | GroupedTableAggregateNode
  | TableJoinNode
  | SuppressNode
  | TableToStreamNode
