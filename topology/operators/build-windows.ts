/** Makes the operators of windowed aggregations: the part of build.ts that concerns them. */
import { SessionStore, WindowStore } from '../../state/index.ts'
import type { TableView } from '../change.ts'
import type { WindowAggregateNode } from '../nodes/aggregations.ts'
import type { StreamRecord } from '../record.ts'
import { windowedSerde } from '../windowed-serde.ts'
import type { Windowed } from '../windows.ts'
import { type ClosedWindow, closedWindows } from './closed-windows.ts'
import type { BuildContext, Built, TaskStateStore } from './context.ts'
import { idleTime } from './idle-time.ts'
import { recordCache } from './record-cache.ts'
import { sessionWindowAggregate } from './session-window-aggregate.ts'
import { slidingWindowAggregate } from './sliding-window-aggregate.ts'
import { timeWindowAggregate } from './time-window-aggregate.ts'

export function buildWindowAggregate(node: WindowAggregateNode, context: BuildContext): Built {
  const { windows } = node
  const retention = keptFor(node)
  // Final results come once each: there is nothing to hold back.
  const serdes = { key: windowedSerde(node.key, windows), value: node.value }
  const cache = node.emit === 'close' ? undefined : recordCache(node, serdes, context)
  const windowOf = (record: StreamRecord): ClosedWindow => {
    const { key, start, end } = windowedKey(record.key)
    return { operator: node.name, key: node.key.serialize(key), start, end }
  }
  const options = {
    cache,
    idle: idleTime(node, context),
    out:
      cache ??
      (node.emit === 'close'
        ? closedWindows(context.port(node.name), windowOf, context)
        : context.port(node.name)),
    late: context.port(node.name, 'late'),
    counts: context.counts,
    retention,
  }
  const storeOptions = {
    name: node.store,
    key: node.key,
    value: node.value,
    // With a clock per key, no clock says for all keys what is old: the operator deletes it.
    retention: node.clock === 'perKey' ? Number.POSITIVE_INFINITY : retention,
  }
  const keep = (store: TaskStateStore, view: TableView): void => {
    context.stores.push(store)
    context.tables.set(node.name, view)
    context.told.set(node.name, cache?.toldOf(view) ?? view)
  }
  if (windows.kind === 'session') {
    const store = new SessionStore(storeOptions)
    keep(store, {
      get(windowed) {
        const { key, start, end } = windowedKey(windowed)
        const found = store.get(key, start, end)
        return found && { value: found.value, timestamp: end }
      },
    })
    return sessionWindowAggregate(node, windows, { ...options, store })
  }
  const store = new WindowStore(storeOptions)
  keep(store, {
    get(windowed) {
      const { key, start } = windowedKey(windowed)
      return store.get(key, start)
    },
  })
  return windows.kind === 'sliding'
    ? slidingWindowAggregate(node, windows, { ...options, store })
    : timeWindowAggregate(node, windows, { ...options, store })
}

/**
 * A little longer than Kafka Streams keeps them, where a window's end belongs to it: its store forgets a session whose end
 * is exactly gap + grace old, and sliding windows as old as that, although they still take records and are not yet
 * closed.
 */
function keptFor({ windows, retention }: WindowAggregateNode): number {
  switch (windows.kind) {
    case 'session':
      return retention + 1
    case 'sliding':
      return retention + 2
    default:
      return retention
  }
}

/** The graph guarantees it: tables of windows are asked for windowed keys. */
function windowedKey(key: unknown): Windowed<unknown> {
  return key as Windowed<unknown>
}
