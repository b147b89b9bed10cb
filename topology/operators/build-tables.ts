/** Makes the operators of tables: the part of build.ts that concerns them. */
import type { TableNode, TableSourceNode, TableStoreSpec } from '../nodes/tables.ts'
import type { BuildContext, Built } from './context.ts'
import { type TableStore, tableStore } from './table-store.ts'
import { tableSource, tableToStream } from './tables.ts'

export function buildTable(node: TableNode, context: BuildContext): Built {
  switch (node.kind) {
    case 'tableSource':
      return [buildTableSource(node, context)]
    case 'tableToStream':
      return [tableToStream(context.port(node.name))]
  }
}

function buildTableSource(node: TableSourceNode, context: BuildContext): Built[number] {
  const store = node.materialized ? keep(node.name, node.store, context) : undefined
  return tableSource(node, { store, out: context.port(node.name), counts: context.counts })
}

/** A store of the task, in which the table's contents are found. */
function keep(table: string, spec: TableStoreSpec, context: BuildContext): TableStore {
  const store = tableStore(spec)
  context.stores.push(store)
  context.tables.set(table, store)
  return store
}
