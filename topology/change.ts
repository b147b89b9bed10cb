import type { Timestamped } from '../state/index.ts'

/** What flows between tables: a key's new value together with the one it replaces. */
export interface Change<V> {
  /** Null: the key has no value any more. */
  readonly newValue: V | null
  /** Null: there was none; or nobody downstream asked for it (see materialization.ts). */
  readonly oldValue: V | null
  /** False for an update of a versioned table that is older than what the table holds by now. */
  readonly isLatest: boolean
}

/** The record's value, which on a table's edges is a change. The graph guarantees it: tables feed only table operators. */
export function changeOf(value: unknown): Change<unknown> {
  return value as Change<unknown>
}

/** A table's current contents, by key: its store's, or computed from its parent's. */
export interface TableView {
  /**
   * @param asOf in a versioned table the time at which the value held; the latest if absent. Other tables keep only the
   *   latest and ignore it.
   */
  get(key: unknown, asOf?: number): Timestamped<unknown> | undefined
  /** Of a versioned table, and of what is computed from one: what it held at a time. */
  asOf?(key: unknown, timestamp: number): { readonly value: unknown; readonly timestamp: number } | undefined
}
