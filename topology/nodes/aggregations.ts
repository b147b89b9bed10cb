/** Operators that keep something per key, or per key and window. */
import type { Serde } from '../serde.ts'
import type { TimeWindows } from '../windows.ts'
import type { NodeBase } from './base.ts'

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

export type AggregationNode = CollectNode
