/** Makes the operators of tables: the part of build.ts that concerns them. */
import type { TableView } from '../change.ts'
import type { AggregateNode } from '../nodes/aggregations.ts'
import type { ForeignKeyNode } from '../nodes/foreign-keys.ts'
import type {
  TableFilterNode,
  TableJoinNode,
  TableMapValuesNode,
  TableNode,
  TableStoreSpec,
} from '../nodes/tables.ts'
import { aggregate, groupedTableAggregate } from './aggregate.ts'
import type { BuildContext, Built } from './context.ts'
import { foreignKeyJoin, foreignKeyLookup, foreignKeySubscribe, subscriptions } from './foreign-key-join.ts'
import { suppress, suppressedView, suppressionBuffer } from './suppress.ts'
import { tableGroupBy } from './table-group-by.ts'
import { tableJoin, tableJoinView } from './table-join.ts'
import { type TableStore, tableStore } from './table-store.ts'
import { filteredRow, mappedRow, rowsView, tableRows, tableSource, tableToStream } from './tables.ts'

export function buildTable(node: TableNode | AggregateNode | ForeignKeyNode, context: BuildContext): Built {
  const out = context.port(node.name)
  const { counts } = context
  switch (node.kind) {
    case 'tableSource': {
      const store = node.materialized ? keep(node, node.store, context) : undefined
      return [tableSource(node, { store, out, counts })]
    }
    case 'tableFilter':
    case 'tableMapValues':
      return [buildRows(node, context)]
    case 'tableGroupBy':
      return [tableGroupBy(node, out)]
    case 'groupedTableAggregate':
      return [groupedTableAggregate(node, { store: keep(node, node.store, context), out })]
    case 'aggregate': {
      const store = keep(node, node.store, context)
      return node.adders.map(adder => aggregate(node, adder, { store, out, counts }))
    }
    case 'tableJoin':
      return buildJoin(node, context)
    case 'foreignKeySubscribe':
      return [foreignKeySubscribe(node, out)]
    case 'foreignKeyLookup': {
      const store = subscriptions(node)
      context.stores.push(store)
      return foreignKeyLookup(node, { store, right: viewOf(node, 1, context), out })
    }
    case 'foreignKeyJoin':
      return foreignKeyJoin(node, { left: viewOf(node, 1, context), out })
    case 'suppress': {
      const buffer = suppressionBuffer(node)
      context.stores.push(buffer)
      const parent = context.tables.get(node.inputs[0]!.node)
      if (parent !== undefined) context.tables.set(node.name, suppressedView(buffer, parent))
      return [suppress(node, { buffer, out })]
    }
    case 'tableToStream':
      return [tableToStream(out)]
  }
}

function buildRows(node: TableFilterNode | TableMapValuesNode, context: BuildContext): Built[number] {
  const row = node.kind === 'tableFilter' ? filteredRow(node) : mappedRow(node)
  const store = node.store === undefined ? undefined : keep(node, node.store, context)
  const parent = context.tables.get(node.inputs[0]!.node)
  if (store === undefined && parent !== undefined) context.tables.set(node.name, rowsView(parent, row))
  return tableRows(node, { row, store, out: context.port(node.name) })
}

function buildJoin(node: TableJoinNode, context: BuildContext): Built {
  const left = viewOf(node, 0, context)
  const right = viewOf(node, 1, context)
  const store = node.store === undefined ? undefined : keep(node, node.store, context)
  if (store === undefined) context.tables.set(node.name, tableJoinView(node, { left, right }))
  return tableJoin(node, { left, right, store, out: context.port(node.name) })
}

/** The contents of a table that the node is made of: materialization.ts has seen to it that there are some. */
function viewOf(node: TableNode | ForeignKeyNode, input: number, context: BuildContext): TableView {
  return context.tables.get(node.inputs[input]!.node)!
}

/** A store of the task, in which the table's contents are found. */
function keep(node: { readonly name: string }, spec: TableStoreSpec, context: BuildContext): TableStore {
  const store = tableStore(spec)
  context.stores.push(store.state)
  context.tables.set(node.name, store)
  return store
}
