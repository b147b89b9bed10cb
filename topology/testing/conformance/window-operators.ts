/** Windows, and aggregations per window. */
import type { KTable } from '../../table.ts'
import { hopping, session, sliding, tumbling, unlimited, type Windows } from '../../windows.ts'
import type { NodeOf } from './case.ts'
import { type Build, type BuildContext, only } from './context.ts'
import { aggregator } from './functions/aggregators.ts'
import { CaseError } from './functions/named.ts'
import { reducer } from './functions/reducers.ts'
import { type Value, type ValueType, valueSerde, type WindowedKey } from './values.ts'

export const windowOperators: Readonly<Record<string, Build>> = {
  'grouped.windowedBy': only('windowedBy', (node, { windowed }) => windowed.set(node.id, node)),
  'cogroup.windowedBy': only('windowedBy', (node, { windowed }) => windowed.set(node.id, node)),
  'windowed.count': only('count', (node, context) => {
    const { stream, options } = windowedStream(node, context)
    define(node, context, { table: stream.count(options), value: 'long' })
  }),
  'windowed.reduce': only('reduce', (node, context) => {
    const { stream, options, value } = windowedStream(node, context)
    define(node, context, { table: stream.reduce(reducer(node.fn).apply, options), value })
  }),
  'windowed.aggregate': only('aggregate', (node, context) => {
    if (node.fn === undefined) throw new CaseError('aggregate has no fn')
    const { stream, options } = windowedStream(node, context)
    const { initial, add, merge, type } = aggregator(node.fn)
    const aggregation = { initial: () => initial, add, merge, value: valueSerde(type) }
    define(node, context, { table: stream.aggregate<Value>(aggregation, options), value: type })
  }),
  'windowedCogroup.aggregate': only('aggregate', (node, context) => {
    if (node.agg === undefined) throw new CaseError('aggregate of a cogroup has no agg')
    const { initial, merge, type } = aggregator(node.agg)
    const merged = (one: Value, other: Value): NonNullable<Value> => merge(one, other) ?? initial
    const aggregation = { initial: () => initial, merge: merged, value: valueSerde(type) }
    const { window, from } = context.windowed.get(node.from)
    const { cogrouped } = context.cogrouped.get(from)
    const table = cogrouped
      .window(node.store ?? context.name, windowsOf(window))
      .aggregate(aggregation, { retention: node.retentionMs })
    define(node, context, { table, value: type })
  }),
}

type Aggregation = NodeOf<'count'> | NodeOf<'reduce'> | NodeOf<'aggregate'>

/** The DSL names a window where Kafka Streams names the aggregation on it, so it is made here. */
function windowedStream(node: Aggregation, { windowed, grouped, name }: BuildContext) {
  const { window, emit, from } = windowed.get(node.from)
  const { grouped: stream, value } = grouped.get(from)
  const options = {
    emit: emit === 'onWindowClose' ? ('close' as const) : ('update' as const),
    retention: node.retentionMs,
  }
  return { stream: stream.window(node.store ?? name, windowsOf(window)), options, value }
}

function define(
  node: Aggregation,
  { windowed, grouped, cogrouped, tables }: BuildContext,
  { table, value }: { table: KTable<{ key: unknown }, Value>; value: ValueType },
): void {
  const { from } = windowed.get(node.from)
  const { inner } = (cogrouped.has(from) ? cogrouped : grouped).get(from).key
  // Windows of windows are not in the language: what is grouped has a plain key.
  const ofPlainKeys = table as KTable<WindowedKey, NonNullable<Value>>
  tables.set(node.id, { table: ofPlainKeys, key: { inner, windowed: true }, value })
}

function windowsOf(window: NodeOf<'windowedBy'>['window']): Windows {
  switch (window.type) {
    case 'tumbling':
      return tumbling({ size: window.sizeMs, grace: window.graceMs })
    case 'hopping':
      return hopping({ size: window.sizeMs, advance: window.advanceMs, grace: window.graceMs })
    case 'sliding':
      return sliding({ difference: window.differenceMs, grace: window.graceMs })
    case 'session':
      return session({ gap: window.gapMs, grace: window.graceMs })
    case 'unlimited':
      return unlimited({ start: window.startMs })
  }
}
