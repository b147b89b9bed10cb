/** Operators that keep something per key, or per key and window. */
import type { Serde } from '../serde.ts'
import type { TimeWindows, Windows } from '../windows.ts'
import type { NodeBase, TableNodeBase } from './base.ts'
import type { TableStoreSpec } from './tables.ts'

export interface CollectNode extends NodeBase {
  readonly kind: 'collect'
  /** The store's name, from which its changelog topic is named. */
  readonly store: string
  readonly key: Serde<unknown>
  readonly windows: TimeWindows
  readonly clock: 'operator' | 'perKey'
  /** Milliseconds without a record after which a clock goes on by itself (operators/idle-time.ts); undefined for never. */
  readonly idle: number | undefined
  readonly fields: readonly string[]
  endsKey?(value: unknown): boolean
}

/** How a value becomes part of an aggregate. A null result is no aggregate: the next value begins anew. */
export interface Adder {
  add(aggregate: unknown, value: unknown, key: unknown): unknown
}

/** One aggregate per key, of one stream or of several. A table. */
export interface AggregateNode extends TableNodeBase {
  readonly kind: 'aggregate'
  readonly store: TableStoreSpec
  /** What an aggregate begins with. */
  initial(): unknown
  /** One for each input, in their order. */
  readonly adders: readonly Adder[]
}

/** One aggregate per key and window, of one stream or of several. A table, keyed by `Windowed`. */
export interface WindowAggregateNode extends TableNodeBase {
  readonly kind: 'windowAggregate'
  /** The store's name. Its keys are not windowed: that they are kept per window is the store's part. */
  readonly store: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly windows: Windows
  readonly clock: 'operator' | 'perKey'
  /** As in a collection. */
  readonly idle: number | undefined
  /** Whether each update is handed on, or a window's aggregate once, when it closes. */
  readonly emit: 'update' | 'close'
  /** Milliseconds for which windows are kept. */
  readonly retention: number
  /** What an aggregate begins with. */
  initial(): unknown
  /** One for each input, in their order. */
  readonly adders: readonly Adder[]
  /** Makes one aggregate of two: for sessions that become one. */
  merge?(one: unknown, other: unknown, key: unknown): unknown
}

/** The name of the store of the moves that idle time made. */
export function idleStore(node: CollectNode | WindowAggregateNode): string {
  return `${node.store}-idle`
}

export type AggregationNode = CollectNode | AggregateNode | WindowAggregateNode
