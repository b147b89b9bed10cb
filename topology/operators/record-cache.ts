/**
 * A table's record cache: holds its updates back until the next commit, so that only the last of each key's is handed on
 * (Kafka Streams' record caches). The table itself is up to date all the time; what follows is told later, in the order in
 * which keys were first changed. A cache that outgrows its share hands on the one it has held longest.
 *
 * What is handed on then depends on when commits come, and so differs from run to run; what tables hold in the end does not.
 */
import { byteString } from '../../state/coder.ts'
import { changeOf, type TableView } from '../change.ts'
import type { Headers } from '../log/log.ts'
import type { TableNodeBase } from '../nodes/base.ts'
import { noHeaders, type StreamRecord } from '../record.ts'
import type { Serde } from '../serde.ts'
import type { BuildContext } from './context.ts'
import { forwardChange } from './forward-change.ts'
import type { Downstream } from './operator.ts'
import type { TableStore } from './table-store.ts'

/** Bytes that the caches of all tasks of a thread may hold together, and do. */
export interface CacheBudget {
  readonly limit: number
  used: number
}

/** As far as what follows knows. */
type Told = ReturnType<TableView['get']>

interface Held {
  readonly told: Told
  key: unknown
  newValue: unknown
  timestamp: number
  headers: Headers
  /** 0 until an update has come. */
  bytes: number
}

/** Of an entry, beside its key and value: roughly what it takes in memory. */
const OVERHEAD = 128

export interface RecordCacheOptions {
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly sendsOldValues: boolean
  readonly out: Downstream
  readonly budget: CacheBudget
}

export class RecordCache implements Downstream {
  /** By the key's bytes, in the order of their first change. */
  readonly #held = new Map<string, Held>()
  readonly #options: RecordCacheOptions
  readonly #record: StreamRecord = { key: null, value: null, timestamp: 0, headers: noHeaders }

  constructor(options: RecordCacheOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#held.size
  }

  /** To be called before the table changes a row: notes what it held, unless an update of it is held back already. */
  hold(key: unknown, current: () => Told): void {
    const id = this.#id(key)
    if (this.#held.has(id)) return
    this.#held.set(id, { told: current(), key, newValue: null, timestamp: 0, headers: noHeaders, bytes: 0 })
  }

  /** Takes an update of a row that was noted, in place of the one held back. */
  forward({ key, value, timestamp, headers }: StreamRecord): void {
    const { budget, value: serde } = this.#options
    const id = this.#id(key)
    const held = this.#held.get(id)!
    const { newValue } = changeOf(value)
    budget.used -= held.bytes
    Object.assign(held, { key, newValue, timestamp, headers })
    held.bytes = OVERHEAD + id.length + (newValue === null ? 0 : serde.serialize(newValue).length)
    budget.used += held.bytes
    for (const [first, entry] of this.#held) {
      if (budget.used <= budget.limit) return
      this.#handOn(first, entry)
    }
  }

  /** Hands on everything it holds. */
  flush(): void {
    for (const [id, held] of this.#held) this.#handOn(id, held)
  }

  /** Forgets everything it holds. */
  clear(): void {
    for (const { bytes } of this.#held.values()) this.#options.budget.used -= bytes
    this.#held.clear()
  }

  /** The table as those who follow it know it. */
  toldOf(newest: TableView): TableView {
    return {
      get: (key, asOf) => {
        const held = this.#held.get(this.#id(key))
        return held === undefined ? newest.get(key, asOf) : held.told
      },
    }
  }

  #handOn(id: string, { told, key, newValue, timestamp, headers, bytes }: Held): void {
    const { budget, out, sendsOldValues } = this.#options
    this.#held.delete(id)
    budget.used -= bytes
    // Nothing came of the change, or what came is gone before anyone was told of it.
    if (bytes === 0 || (newValue === null && told === undefined)) return
    const oldValue = sendsOldValues ? (told?.value ?? null) : null
    Object.assign(this.#record, { key, timestamp, headers })
    forwardChange(out, this.#record, { newValue, oldValue, isLatest: true })
  }

  #id(key: unknown): string {
    return byteString(this.#options.key.serialize(key))
  }
}

/** The store of a table whose updates the cache holds back. */
export function cachedStore(store: TableStore, cache: RecordCache): TableStore {
  return {
    state: store.state,
    get: (key, asOf) => store.get(key, asOf),
    put(key, value, timestamp) {
      cache.hold(key, () => store.get(key))
      return store.put(key, value, timestamp)
    },
  }
}

/** A cache for the node's updates, if the task has any. */
export function recordCache(
  node: TableNodeBase,
  serdes: { readonly key: Serde<unknown>; readonly value: Serde<unknown> },
  { cacheBudget: budget, caches, port }: BuildContext,
): RecordCache | undefined {
  if (budget === undefined) return undefined
  const { sendsOldValues = false } = node
  const { key, value } = serdes
  const cache = new RecordCache({ key, value, sendsOldValues, out: port(node.name), budget })
  caches.push(cache)
  return cache
}
