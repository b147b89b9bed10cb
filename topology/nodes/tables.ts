/** Tables: the newest value of each key. What flows out of these nodes are changes (change.ts). */
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
}

/** A stream taken as a table: each record is its key's newest value, or deletes it. Input: the stream. */
export interface TableSourceNode extends TableNodeBase {
  readonly kind: 'tableSource'
  readonly store: TableStoreSpec
  /** Whether there is a store: where it was asked for by name, or where what follows needs it. */
  readonly materialized: boolean
}

/** A table's changes as a stream of the new values. */
export interface TableToStreamNode extends NodeBase {
  readonly kind: 'tableToStream'
}

export type TableNode = TableSourceNode | TableToStreamNode
