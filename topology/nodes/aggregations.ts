/** Operators that keep something per key, or per key and window. */
import type { Serde } from '../serde.ts'
import type { TimeWindows } from '../windows.ts'
import type { NodeBase, TableNodeBase } from './base.ts'
import type { TableStoreSpec } from './tables.ts'

export interface CollectNode extends NodeBase {
  readonly kind: 'collect'
  /** The store's name, from which its changelog topic is named. */
  readonly store: string
  readonly key: Serde<unknown>
  readonly windows: TimeWindows
  readonly clock: 'operator' | 'perKey'
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

export type AggregationNode = CollectNode | AggregateNode
