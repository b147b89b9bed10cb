/** Grouping, and aggregations without windows. */
import { type Build, only } from './context.ts'
import { aggregator } from './functions/aggregators.ts'
import { keyFunction } from './functions/key-functions.ts'
import { CaseError } from './functions/named.ts'
import { reducer } from './functions/reducers.ts'
import { valueFunction } from './functions/value-functions.ts'
import { type Key, keySerde, type Value, valueSerde } from './values.ts'

export const aggregations: Readonly<Record<string, Build>> = {
  'stream.groupByKey': only('groupByKey', (node, { stream, grouped }) => {
    const { stream: from, key, value } = stream(node.from)
    const serdes = { key: keySerde(key), value: valueSerde(value) }
    grouped.set(node.id, { grouped: from.groupByKey(serdes), key, value })
  }),
  'stream.groupBy': only('groupBy', (node, { stream, grouped }) => {
    const { stream: from, key, value } = stream(node.from)
    if (node.fn === undefined) throw new CaseError('groupBy on a stream has no fn')
    const { apply, type } = keyFunction(node.fn)
    const newKey = type(key, value)
    const serdes = { key: keySerde(newKey), value: valueSerde(value) }
    grouped.set(node.id, { grouped: from.groupBy<Key>(apply, serdes), key: newKey, value })
  }),
  'grouped.count': only('count', (node, { grouped, tables, name }) => {
    const { grouped: from, key } = grouped.get(node.from)
    tables.set(node.id, { table: from.count(node.store ?? name), key, value: 'long' })
  }),
  'grouped.reduce': only('reduce', (node, { grouped, tables, name }) => {
    const { grouped: from, key, value } = grouped.get(node.from)
    tables.set(node.id, { table: from.reduce(node.store ?? name, reducer(node.fn).apply), key, value })
  }),
  'grouped.aggregate': only('aggregate', (node, { grouped, tables, name }) => {
    const { grouped: from, key } = grouped.get(node.from)
    if (node.fn === undefined) throw new CaseError('aggregate has no fn')
    const { initial, add, type } = aggregator(node.fn)
    const options = { initial: () => initial, add, value: valueSerde(type) }
    tables.set(node.id, {
      table: from.aggregate<NonNullable<Value>>(node.store ?? name, options),
      key,
      value: type,
    })
  }),
  'grouped.cogroup': only('cogroup', (node, { grouped, cogrouped }) => {
    const inputs = node.groups.map(group => ({
      from: grouped.get(group.from),
      add: aggregator(group.fn).add,
    }))
    const [first, ...rest] = inputs
    if (first === undefined) throw new CaseError('cogroup has no groups')
    const begun = first.from.grouped.cogroup<NonNullable<Value>>(first.add)
    const all = rest.reduce((so, { from, add }) => so.cogroup(from.grouped, add), begun)
    cogrouped.set(node.id, { cogrouped: all, key: first.from.key })
  }),
  'cogroup.aggregate': only('aggregate', (node, { cogrouped, tables, name }) => {
    const { cogrouped: from, key } = cogrouped.get(node.from)
    if (node.agg === undefined) throw new CaseError('aggregate of a cogroup has no agg')
    const { initial, type } = aggregator(node.agg)
    const options = { initial: () => initial, value: valueSerde(type) }
    tables.set(node.id, { table: from.aggregate(node.store ?? name, options), key, value: type })
  }),
  'table.groupBy': only('groupBy', (node, { tables, groupedTables }) => {
    const { table, key, value } = tables.get(node.from)
    if (node.keyFn === undefined || node.valueFn === undefined)
      throw new CaseError('groupBy on a table needs keyFn and valueFn')
    const keyOf = keyFunction(node.keyFn)
    const valueFrom = valueFunction(node.valueFn)
    const types = { key: keyOf.type(key, value), value: valueFrom.type(value) }
    const serdes = { key: keySerde(types.key), value: valueSerde(types.value) }
    const grouped = table.groupBy<NonNullable<Key>, NonNullable<Value>>(
      (v, k) => [keyOf.apply(v, k), valueFrom.apply(v, k)],
      serdes,
    )
    groupedTables.set(node.id, { ...types, grouped })
  }),
  'groupedTable.count': only('count', (node, { groupedTables, tables, name }) => {
    const { grouped, key } = groupedTables.get(node.from)
    tables.set(node.id, { table: grouped.count(node.store ?? name), key, value: 'long' })
  }),
  'groupedTable.reduce': only('reduce', (node, { groupedTables, tables, name }) => {
    const { grouped, key, value } = groupedTables.get(node.from)
    if (node.subtract === undefined) throw new CaseError('reduce on a grouped table has no subtract')
    const reducers = { add: reducer(node.fn).apply, subtract: reducer(node.subtract).apply }
    tables.set(node.id, { table: grouped.reduce(node.store ?? name, reducers), key, value })
  }),
  'groupedTable.aggregate': only('aggregate', (node, { groupedTables, tables, name }) => {
    const { grouped, key } = groupedTables.get(node.from)
    if (node.fn === undefined) throw new CaseError('aggregate has no fn')
    const { initial, add, subtract, type } = aggregator(node.fn)
    const options = { initial: () => initial, add, subtract, value: valueSerde(type) }
    tables.set(node.id, {
      table: grouped.aggregate<NonNullable<Value>>(node.store ?? name, options),
      key,
      value: type,
    })
  }),
}
