import type { Timestamped } from '../state/index.ts'
import type { Serde } from './serde.ts'

const HAS_NEW = 1
const HAS_OLD = 2
const NOTHING = Buffer.alloc(0)

/** What flows between tables: a key's new value together with the one it replaces. */
export interface Change<V> {
  /** Null: the key has no value any more. */
  readonly newValue: V | null
  /** Null: there was none; or nobody downstream asked for it (see materialization.ts). */
  readonly oldValue: V | null
  /** False for an update of a versioned table that is older than what the table holds by now. */
  readonly isLatest: boolean
}

/** For repartition topics of changes: a length before the new value, so that either may be missing. */
export function changeSerde(value: Serde<unknown>): Serde<unknown> {
  return {
    name: `change-1:${value.name}`,
    serialize(change) {
      const { newValue, oldValue } = changeOf(change)
      const now = newValue === null ? undefined : value.serialize(newValue)
      const before = oldValue === null ? undefined : value.serialize(oldValue)
      const length = Buffer.allocUnsafe(5)
      length.writeUInt8((now === undefined ? 0 : HAS_NEW) | (before === undefined ? 0 : HAS_OLD))
      length.writeUInt32BE(now?.length ?? 0, 1)
      return Buffer.concat([length, now ?? NOTHING, before ?? NOTHING])
    },
    deserialize(bytes) {
      const has = bytes.readUInt8()
      const end = 5 + bytes.readUInt32BE(1)
      const change: Change<unknown> = {
        newValue: has & HAS_NEW ? value.deserialize(bytes.subarray(5, end)) : null,
        oldValue: has & HAS_OLD ? value.deserialize(bytes.subarray(end)) : null,
        isLatest: true,
      }
      return change
    },
  }
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
}
