/** What a table keeps: the latest value of each key, or its versions. */
import { KeyValueStore, VersionedStore } from '../../state/index.ts'
import type { TableView } from '../change.ts'
import type { TableStoreSpec } from '../nodes/tables.ts'
import { sourceChangelog } from '../source-changelog.ts'
import type { TaskStateStore } from './context.ts'

/** What a put did: `older` is a version put before the latest, `expired` one older than the history, which is not kept. */
export type PutResult = 'latest' | 'older' | 'expired'

export interface TableStore extends TableView {
  readonly state: TaskStateStore
  /** Null deletes. */
  put(key: unknown, value: unknown, timestamp: number): PutResult
}

export function tableStore(spec: TableStoreSpec): TableStore {
  return spec.history === undefined ? latestValues(spec) : versions(spec, spec.history)
}

function latestValues(spec: TableStoreSpec): TableStore {
  const store = new KeyValueStore<unknown, unknown>(spec)
  const changelog = sourceChangelog(spec)
  return {
    state: changelog === undefined ? store : Object.assign(store, { changelog }),
    get: key => store.get(key),
    put(key, value, timestamp) {
      if (value === null) store.delete(key)
      else store.put(key, value, timestamp)
      return 'latest'
    },
  }
}

function versions(spec: TableStoreSpec, historyRetention: number): TableStore {
  const store = new VersionedStore<unknown, unknown>({ ...spec, historyRetention })
  return {
    state: store,
    get: (key, asOf) => store.get(key, asOf),
    put(key, value, timestamp) {
      const { stored, latest } = store.put(key, value, timestamp)
      if (!stored) return 'expired'
      return latest ? 'latest' : 'older'
    },
  }
}
