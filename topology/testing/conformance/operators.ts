/** Which operator of the engine a node of a case stands for: its op on what it is called on, as `table.filter`. */
import type { Case, CaseNode } from './case.ts'
import { CaseError } from './functions/named.ts'

/** What a node's id stands for. */
export type Kind =
  | 'stream'
  | 'table'
  | 'globalTable'
  | 'grouped'
  | 'groupedTable'
  | 'windowed'
  | 'cogroup'
  | 'windowedCogroup'

/** Reading a store's contents is no operator, but a case may need it all the same. */
export const readStores = 'read stores'

export interface NamedNode {
  readonly node: CaseNode
  /** As `stream`, `stream.filter`, `stream.join.table`, `table.foreignKeyJoin`. */
  readonly operator: string
}

/** The nodes of a case with the operator of each. @throws CaseError if one refers to a node that does not exist */
export function operators({ nodes }: Case): readonly NamedNode[] {
  const kinds = new Map<string, Kind>()
  const kindOf = (id: string): Kind => {
    const kind = kinds.get(id)
    if (kind === undefined) throw new CaseError(`there is no node ${id} before its use`)
    return kind
  }
  return nodes.map(node => {
    const on = 'from' in node ? kindOf(node.from) : undefined
    const operator = on === undefined ? node.op : `${on}.${opOf(node, kindOf)}`
    if (node.op === 'split') {
      for (const { id } of node.branches) kinds.set(id, 'stream')
      if (node.default !== undefined) kinds.set(node.default, 'stream')
    } else if (node.id !== undefined) {
      kinds.set(node.id, resultOf(node, on))
    }
    return { node, operator }
  })
}

/** All that the engine must have for a case to be run. */
export function needs(each: Case): ReadonlySet<string> {
  const found = new Set(operators(each).map(({ operator }) => operator))
  if (each.stores !== undefined) found.add(readStores)
  return found
}

function opOf(node: CaseNode, kindOf: (id: string) => Kind): string {
  switch (node.op) {
    case 'join':
    case 'leftJoin':
    case 'outerJoin':
      return node.foreignKey === undefined
        ? `${node.op}.${kindOf(node.with)}`
        : node.op === 'join'
          ? 'foreignKeyJoin'
          : 'foreignKeyLeftJoin'
    default:
      return node.op
  }
}

function resultOf(node: CaseNode, on: Kind | undefined): Kind {
  switch (node.op) {
    case 'table':
    case 'toTable':
    case 'count':
    case 'reduce':
    case 'aggregate':
      return 'table'
    case 'globalTable':
      return 'globalTable'
    case 'groupByKey':
      return 'grouped'
    case 'groupBy':
      return on === 'table' ? 'groupedTable' : 'grouped'
    case 'windowedBy':
      return on === 'cogroup' ? 'windowedCogroup' : 'windowed'
    case 'cogroup':
      return 'cogroup'
    case 'stream':
    case 'toStream':
      return 'stream'
    default:
      return on ?? 'stream'
  }
}
