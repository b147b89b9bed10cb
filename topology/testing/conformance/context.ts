/** What a table of ops is written with: an entry makes the DSL's call for a node, given the nodes before it. */
import type { TopologyBuilder } from '../../builder.ts'
import type { CogroupedStream } from '../../cogrouped.ts'
import type { GlobalTable } from '../../global-table.ts'
import type { GroupedStream } from '../../grouped.ts'
import type { GroupedTable } from '../../grouped-table.ts'
import type { KStream } from '../../stream.ts'
import type { KTable } from '../../table.ts'
import type { CaseNode, NodeOf } from './case.ts'
import { CaseError } from './functions/named.ts'
import type { Use } from './functions/processors.ts'
import type { Key, KeyType, Value, ValueType } from './values.ts'

/** The DSL's handle, and the types it does not know. */
export interface StreamHandle {
  readonly stream: KStream<Key, Value>
  readonly key: KeyType
  readonly value: ValueType
}

export interface GlobalTableHandle {
  readonly table: GlobalTable<NonNullable<Key>, NonNullable<Value>>
  readonly value: ValueType
}

export interface TableHandle {
  readonly table: KTable<NonNullable<Key>, NonNullable<Value>>
  readonly key: KeyType
  readonly value: ValueType
}

export interface GroupedHandle {
  readonly grouped: GroupedStream<NonNullable<Key>, Value>
  readonly key: KeyType
  readonly value: ValueType
}

export interface GroupedTableHandle {
  readonly grouped: GroupedTable<NonNullable<Key>, NonNullable<Value>>
  readonly key: KeyType
  readonly value: ValueType
}

export interface CogroupedHandle {
  readonly cogrouped: CogroupedStream<NonNullable<Key>, NonNullable<Value>>
  readonly key: KeyType
}

/** The handles of one kind, by the ids of their nodes. */
export interface Handles<H> {
  has(id: string): boolean
  /** @throws CaseError if the node is none of this kind */
  get(id: string): H
  set(id: string, handle: H): void
}

/** Types of what is in a topic that the topology writes. */
export interface TopicTypes {
  readonly key: KeyType
  readonly value: ValueType
}

/** What a node is built in: the nodes before it, and where it leaves what it makes. */
export interface BuildContext {
  readonly builder: TopologyBuilder
  /** Stores that one processor declares and others look things up in, by name. */
  readonly shared: Use['shared']
  /** Unique in the topology: the node's own name, or one made of its place. */
  readonly name: string
  stream(id: string): StreamHandle
  define(id: string, handle: StreamHandle): void
  readonly tables: Handles<TableHandle>
  readonly grouped: Handles<GroupedHandle>
  readonly groupedTables: Handles<GroupedTableHandle>
  readonly cogrouped: Handles<CogroupedHandle>
  readonly windowed: Handles<NodeOf<'windowedBy'>>
  readonly globalTables: Handles<GlobalTableHandle>
  /** Notes a record for `peeked`. */
  note(log: string, key: Key, value: Value): void
  sink(topic: string, types: TopicTypes): void
}

/** Makes the call of the DSL that a node stands for. */
export type Build<N extends CaseNode = CaseNode> = (node: N, context: BuildContext) => void

export function handles<H>(kind: string): Handles<H> {
  const byId = new Map<string, H>()
  return {
    has: id => byId.has(id),
    get(id) {
      const handle = byId.get(id)
      if (handle === undefined) throw new CaseError(`${id} is no ${kind}`)
      return handle
    },
    set: (id, handle) => void byId.set(id, handle),
  }
}

/** For an entry of a table of ops: its node is of that op, because the table is looked up by it. */
export function only<O extends CaseNode['op']>(op: O, make: Build<NodeOf<O>>): Build {
  const isIt = (node: CaseNode): node is NodeOf<O> => node.op === op
  return (node, context) => {
    if (!isIt(node)) throw new CaseError(`${node.op} where ${op} is expected`)
    make(node, context)
  }
}
