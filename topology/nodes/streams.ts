/** Operators on streams that keep no state, or only what an asynchronous call needs. */
import type { Headers } from '../log/log.ts'
import type { RecordedInput } from '../recorded.ts'
import type { NodeBase } from './base.ts'

export interface FilterNode extends NodeBase {
  readonly kind: 'filter'
  predicate(value: unknown, key: unknown): boolean
}

export interface MapValuesNode extends NodeBase {
  readonly kind: 'mapValues'
  mapper(value: unknown, key: unknown): unknown
}

export interface FlatMapNode extends NodeBase {
  readonly kind: 'flatMap'
  mapper(value: unknown, key: unknown): Iterable<readonly [key: unknown, value: unknown]>
}

export interface FlatMapValuesNode extends NodeBase {
  readonly kind: 'flatMapValues'
  mapper(value: unknown, key: unknown): Iterable<unknown>
}

export interface PeekNode extends NodeBase {
  readonly kind: 'peek'
  action(value: unknown, key: unknown, timestamp: number, headers: Headers): void
}

export interface MergeNode extends NodeBase {
  readonly kind: 'merge'
}

/** A name for what follows, by which a processor can forward to it. */
export interface NamedNode extends NodeBase {
  readonly kind: 'named'
}

export interface SplitNode extends NodeBase {
  readonly kind: 'split'
  readonly branches: readonly SplitBranch[]
}

export interface SplitBranch {
  readonly output: string
  predicate(value: unknown, key: unknown): boolean
}

export interface MapBatchNode extends NodeBase {
  readonly kind: 'mapBatch'
  readonly maxBatch: number
  /** Calls under way at once. */
  readonly maxInFlight: number
  /** Milliseconds each call may take. */
  readonly timeout: number
  /** Calls for a batch, until one succeeds. */
  readonly attempts: number
  /** Milliseconds before the second attempt; doubled for each one after. */
  readonly backOff: number
  /** The store that holds the decisions of `recorded`, if there is one. */
  readonly recorded: RecordedInput<unknown> | undefined
  mapper(values: readonly unknown[], context: { readonly recorded: unknown }): Promise<readonly unknown[]>
}

export type StreamNode =
  | FilterNode
  | MapValuesNode
  | FlatMapNode
  | FlatMapValuesNode
  | PeekNode
  | MergeNode
  | NamedNode
  | SplitNode
  | MapBatchNode
