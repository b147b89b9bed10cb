/** Operators that look for the partner of a record: in another stream, in a table, in a global table. */
import type { Serde } from '../serde.ts'
import type { NodeBase } from './base.ts'

/** Inputs: the left stream, the right stream. */
export interface StreamJoinNode extends NodeBase {
  readonly kind: 'streamJoin'
  /** A left record at t meets right records in [t - before, t + after]. Milliseconds; one of them may be negative. */
  readonly before: number
  readonly after: number
  readonly grace: number
  /** Whether a left record that meets none comes out, joined with null. */
  readonly keepsLeft: boolean
  readonly keepsRight: boolean
  readonly key: Serde<unknown>
  readonly left: Serde<unknown>
  readonly right: Serde<unknown>
  joiner(left: unknown, right: unknown, key: unknown): unknown
}

/** The names of a stream-stream join's stores: what each side waits with, and what has met nothing so far. */
export function storesOfStreamJoin(node: StreamJoinNode): {
  readonly left: string
  readonly right: string
  /** Undefined for an inner join. */
  readonly unmatched: string | undefined
} {
  const keeps = node.keepsLeft || node.keepsRight
  return {
    left: `${node.name}-left`,
    right: `${node.name}-right`,
    unmatched: keeps ? `${node.name}-unmatched` : undefined,
  }
}

/** Inputs: the stream, the table. Only records of the stream come out. */
export interface StreamTableJoinNode extends NodeBase {
  readonly kind: 'streamTableJoin'
  /** Whether a record that finds nothing comes out, joined with null. */
  readonly keepsUnmatched: boolean
  /** How records wait for the table to reach their time, if they do. */
  readonly wait: JoinWait | undefined
  joiner(value: unknown, found: unknown, key: unknown): unknown
}

export interface JoinWait {
  /** The buffer's name, from which its changelog topic is named. */
  readonly store: string
  /** Milliseconds. */
  readonly grace: number
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
}

/** A topic whose newest value per key every node holds, of all partitions. It belongs to no task. */
export interface GlobalTableNode extends NodeBase {
  readonly kind: 'globalTable'
  readonly topic: string
  readonly store: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
}

/** Input: the stream. The global table is named, not an input: it is updated beside the tasks. */
export interface GlobalJoinNode extends NodeBase {
  readonly kind: 'globalJoin'
  /** The global table's node. */
  readonly table: string
  readonly keepsUnmatched: boolean
  /** The table's key of a record; null for none. */
  tableKey(value: unknown, key: unknown): unknown
  joiner(value: unknown, found: unknown, key: unknown): unknown
}

export type JoinNode = StreamJoinNode | StreamTableJoinNode | GlobalTableNode | GlobalJoinNode
