/** How a table's contents are kept, where the DSL lets one say so. */
import type { Serdes } from './builder.ts'
import { TickerError } from './errors.ts'
import { checkName } from './graph.ts'
import type { TableStoreSpec } from './nodes/tables.ts'
import type { Serde } from './serde.ts'

/** Of a table made of other tables. Without a store it is computed from theirs where it is needed. */
export interface Materialized<V> {
  /** Keeps the contents in a store of this name, with its changelog topic; needs `value`. */
  readonly store?: string
  /** How the values are serialized: for the store, and for what follows. */
  readonly value?: Serde<NonNullable<V>>
}

/** @throws TickerError TOPOLOGY_NAME_INVALID, TOPOLOGY_SERDE_MISSING */
export function storeSpec<K, V>(name: string, { key, value }: Serdes<K, V>): TableStoreSpec {
  checkName(name, 'store')
  if (key === undefined || value === undefined) {
    const missing = key === undefined ? 'key' : 'value'
    throw new TickerError(
      'TOPOLOGY_SERDE_MISSING',
      `${name}: it is not known how the ${missing} is serialized here`,
    )
  }
  return { name, key, value }
}

/** The store that a table made of others was given, if it was. @throws TickerError TOPOLOGY_NAME_INVALID, TOPOLOGY_SERDE_MISSING */
export function materializedStore<K, V>(
  { store, value }: Materialized<V>,
  key: Serdes<K, V>['key'],
): TableStoreSpec | undefined {
  return store === undefined ? undefined : storeSpec(store, { key, value })
}
