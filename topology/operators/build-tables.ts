/** Makes the operators of tables: the part of build.ts that concerns them. */
import type { TableView } from '../change.ts'
import type { AggregateNode } from '../nodes/aggregations.ts'
import type { ForeignKeyNode } from '../nodes/foreign-keys.ts'
import type {
  SuppressNode,
  TableFilterNode,
  TableJoinNode,
  TableMapValuesNode,
  TableNode,
  TableStoreSpec,
} from '../nodes/tables.ts'
import type { StreamRecord } from '../record.ts'
import type { Windowed } from '../windows.ts'
import { aggregate, groupedTableAggregate } from './aggregate.ts'
import { type ClosedWindow, closedWindows } from './closed-windows.ts'
import type { BuildContext, Built } from './context.ts'
import { foreignKeyJoin, foreignKeyLookup, foreignKeySubscribe, subscriptions } from './foreign-key-join.ts'
import type { Downstream } from './operator.ts'
import { cachedStore, recordCache } from './record-cache.ts'
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
      const kept = node.materialized ? keep(node, node.store, context) : { store: undefined, out }
      return [tableSource(node, { ...kept, counts })]
    }
    case 'tableFilter':
    case 'tableMapValues':
      return [buildRows(node, context)]
    case 'tableGroupBy':
      return [tableGroupBy(node, out)]
    case 'groupedTableAggregate':
      return [groupedTableAggregate(node, keep(node, node.store, context))]
    case 'aggregate': {
      const kept = keep(node, node.store, context)
      return node.adders.map(adder => aggregate(node, adder, { ...kept, counts }))
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
      return foreignKeyJoin(node, {
        left: viewOf(node, 1, context),
        subscriptions: context.port(node.subscribing),
        out,
      })
    case 'suppress': {
      const buffer = suppressionBuffer(node)
      context.stores.push(buffer)
      derive(node, context, ([parent]) => parent && suppressedView(buffer, parent))
      return [
        suppress(node, { buffer, out: node.isFinal ? closedWindows(out, heldWindow(node), context) : out }),
      ]
    }
    case 'tableToStream':
      return [tableToStream(out)]
  }
}

function buildRows(node: TableFilterNode | TableMapValuesNode, context: BuildContext): Built[number] {
  const row = node.kind === 'tableFilter' ? filteredRow(node) : mappedRow(node)
  if (node.store !== undefined) return tableRows(node, { row, ...keep(node, node.store, context) })
  derive(node, context, ([parent]) => parent && rowsView(parent, row))
  return tableRows(node, { row, store: undefined, out: context.port(node.name) })
}

function buildJoin(node: TableJoinNode, context: BuildContext): Built {
  const left = viewOf(node, 0, context)
  const right = viewOf(node, 1, context)
  if (node.store !== undefined) return tableJoin(node, { left, right, ...keep(node, node.store, context) })
  derive(node, context, ([one, other]) => one && other && tableJoinView(node, { left: one, right: other }))
  return tableJoin(node, { left, right, store: undefined, out: context.port(node.name) })
}

/**
 * The contents of a table that the node is made of: materialization.ts has seen to it that there are some. As the node
 * knows them: a result that took in what it will be told of once more would be told to go twice.
 */
function viewOf(node: TableNode | ForeignKeyNode, input: number, context: BuildContext): TableView {
  return context.told.get(node.inputs[input]!.node)!
}

/** The contents of a table that keeps none itself are those of the ones it is made of. */
function derive(
  node: TableNode,
  { tables, told }: BuildContext,
  viewOver: (parents: readonly (TableView | undefined)[]) => TableView | undefined,
): void {
  for (const views of [tables, told]) {
    const view = viewOver(node.inputs.map(input => views.get(input.node)))
    if (view !== undefined) views.set(node.name, view)
  }
}

/** A store of the task, in which the table's contents are found, and where the table hands on its updates. */
function keep(
  node: TableNode | AggregateNode,
  spec: TableStoreSpec,
  context: BuildContext,
): { readonly store: TableStore; readonly out: Downstream } {
  const store = tableStore(spec)
  context.stores.push(store.state)
  context.shared.set(node.name, store.state)
  // A cache would lose versions.
  const cache = spec.history === undefined ? recordCache(node, spec, context) : undefined
  context.tables.set(node.name, store)
  context.told.set(node.name, cache?.toldOf(store) ?? store)
  if (cache === undefined) return { store, out: context.port(node.name) }
  return { store: cachedStore(store, cache), out: cache }
}

/** Only tables of windows are suppressed until they are final. */
function heldWindow({ name, store }: SuppressNode): (record: StreamRecord) => ClosedWindow {
  return ({ key }) => {
    const { start, end } = key as Windowed<unknown>
    return { operator: name, key: store.key.serialize(key), start, end }
  }
}
