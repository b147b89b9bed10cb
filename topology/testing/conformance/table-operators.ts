/** Tables, and operators on them. */
import { untilTimeLimit, untilWindowCloses } from '../../suppressed.ts'
import type { NodeOf } from './case.ts'
import { type Build, type BuildContext, only, type TableHandle } from './context.ts'
import { joiner } from './functions/joiners.ts'
import { keyFunction } from './functions/key-functions.ts'
import { CaseError } from './functions/named.ts'
import { predicate } from './functions/predicates.ts'
import { valueFunction } from './functions/value-functions.ts'
import { type Key, type KeyType, keySerde, type Value, valueSerde } from './values.ts'

type JoinOp = 'join' | 'leftJoin' | 'outerJoin'

export const tableOperators: Readonly<Record<string, Build>> = {
  table: only('table', (node, { builder, tables }) => {
    const key: KeyType = { inner: node.key, windowed: false }
    const table = builder.table(node.topic, {
      key: keySerde(key),
      value: valueSerde(node.value),
      store: node.store,
      historyRetention: node.historyRetentionMs,
    })
    tables.set(node.id, { table, key, value: node.value })
  }),
  'stream.toTable': only('toTable', (node, { stream, tables, name }) => {
    const { stream: from, key, value } = stream(node.from)
    const table = from.toTable(name, {
      key: keySerde(key),
      value: valueSerde(value),
      store: node.store,
      historyRetention: node.historyRetentionMs,
    })
    tables.set(node.id, { table, key, value })
  }),
  'table.filter': only('filter', (node, { tables }) => {
    const from = tables.get(node.from)
    const options = { store: node.store, value: valueSerde(from.value) }
    tables.set(node.id, { ...from, table: from.table.filter(predicate(node.fn), options) })
  }),
  'table.filterNot': only('filterNot', (node, { tables }) => {
    const from = tables.get(node.from)
    const options = { store: node.store, value: valueSerde(from.value) }
    tables.set(node.id, { ...from, table: from.table.filterNot(predicate(node.fn), options) })
  }),
  'table.mapValues': only('mapValues', (node, { tables }) => {
    const from = tables.get(node.from)
    const { apply, type } = valueFunction(node.fn)
    const value = type(from.value)
    const options = { store: node.store, value: valueSerde(value) }
    tables.set(node.id, { table: from.table.mapValues(apply, options), key: from.key, value })
  }),
  'table.transformValues': only('transformValues', (node, { tables }) => {
    const from = tables.get(node.from)
    const { apply, type } = valueFunction(node.fn)
    const value = type(from.value)
    const options = { store: node.store, value: valueSerde(value) }
    tables.set(node.id, { table: from.table.transformValues(apply, options), key: from.key, value })
  }),
  'table.suppress': only('suppress', (node, { tables, name }) => {
    const from = tables.get(node.from)
    const { maxRecords, onFull } = node
    const suppression =
      node.until === 'windowCloses'
        ? untilWindowCloses({ maxRecords })
        : untilTimeLimit(node.ms ?? 0, { maxRecords, onFull })
    tables.set(node.id, { ...from, table: from.table.suppress(name, suppression) })
  }),
  'table.toStream': only('toStream', (node, { tables, define }) => {
    const { table, key, value } = tables.get(node.from)
    if (node.fn === undefined) {
      define(node.id, { stream: table.toStream(), key, value })
      return
    }
    const keyOf = keyFunction(node.fn)
    const newKey = keyOf.type(key, value)
    const options = { key: keySerde(newKey) }
    define(node.id, { stream: table.toStream<Key>(keyOf.apply, options), key: newKey, value })
  }),
  'table.foreignKeyJoin': only('join', foreignKeyJoin),
  'table.foreignKeyLeftJoin': only('leftJoin', foreignKeyJoin),
  'table.join.table': only('join', join),
  'table.leftJoin.table': only('leftJoin', join),
  'table.outerJoin.table': only('outerJoin', join),
}

function foreignKeyJoin(node: NodeOf<JoinOp>, { tables, name }: BuildContext): void {
  const left = tables.get(node.from)
  const right = tables.get(node.with)
  if (node.foreignKey === undefined) throw new CaseError('a foreign-key join has no foreignKey')
  const fn = joiner(node.fn)
  const value = fn.type(left.value, right.value)
  const options = {
    foreignKey: keyFunction(node.foreignKey).apply,
    joiner: (a: Value, b: Value): Value => fn.apply(a, b, null),
    value: valueSerde(value),
    store: node.store,
  }
  const table: TableHandle['table'] =
    node.op === 'join'
      ? left.table.foreignKeyJoin(name, right.table, options)
      : left.table.foreignKeyLeftJoin(name, right.table, options)
  tables.set(node.id, { table, key: left.key, value })
}

function join(node: NodeOf<JoinOp>, { tables, name }: BuildContext): void {
  const left = tables.get(node.from)
  const right = tables.get(node.with)
  const fn = joiner(node.fn)
  const value = fn.type(left.value, right.value)
  const options = { store: node.store, value: valueSerde(value) }
  const apply = (a: Value, b: Value): Value => fn.apply(a, b, null)
  const joined = (): TableHandle['table'] => {
    switch (node.op) {
      case 'join':
        return left.table.join(name, right.table, apply, options)
      case 'leftJoin':
        return left.table.leftJoin(name, right.table, apply, options)
      case 'outerJoin':
        return left.table.outerJoin(name, right.table, apply, options)
    }
  }
  tables.set(node.id, { table: joined(), key: left.key, value })
}
