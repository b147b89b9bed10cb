/**
 * A join of tables by a foreign key (KIP-213), in three places: the left table subscribes to the rows its values refer to,
 * where those rows are they are looked up and followed, and what is found is joined back where the left row is.
 */
import type { Serde } from '../serde.ts'
import type { NodeBase } from './base.ts'

/** Input: the left table. Its output are subscriptions by foreign key, which go through a repartition topic. */
export interface ForeignKeySubscribeNode extends NodeBase {
  readonly kind: 'foreignKeySubscribe'
  readonly keepsLeft: boolean
  readonly foreignKey: Serde<unknown>
  readonly value: Serde<unknown>
  /** Null for none. */
  keyOf(value: unknown, key: unknown): unknown
}

/** Inputs: the subscriptions, the right table. Its output are responses by the left key, for a repartition topic. */
export interface ForeignKeyLookupNode extends NodeBase {
  readonly kind: 'foreignKeyLookup'
  readonly keepsLeft: boolean
  /** The name of the store of subscriptions. */
  readonly store: string
  readonly foreignKey: Serde<unknown>
  readonly primaryKey: Serde<unknown>
}

/** Inputs: the responses, the left table. Its output is the result as a stream, null for what is no more. */
export interface ForeignKeyJoinNode extends NodeBase {
  readonly kind: 'foreignKeyJoin'
  readonly keepsLeft: boolean
  readonly value: Serde<unknown>
  /** The node that subscribes, which is of the same sub-topology. */
  readonly subscribing: string
  /** As there. */
  keyOf(value: unknown, key: unknown): unknown
  joiner(left: unknown, right: unknown): unknown
}

export type ForeignKeyNode = ForeignKeySubscribeNode | ForeignKeyLookupNode | ForeignKeyJoinNode
