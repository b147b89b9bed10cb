/**
 * Interactive queries (Kafka Streams' KIP-67 and KIP-535): the stores of the tasks that run here, and of the standbys kept
 * here, read by key, range of keys and time; and which node to ask for the others.
 *
 * A running task answers with all that it has processed, also what it is about to commit. A standby answers from its database
 * with what was committed, and says how much it lacks.
 */

import type {
  KeyRange,
  KeyValueEntry,
  SessionEntry,
  StoreRange,
  Timestamped,
  WindowEntry,
} from '../state/index.ts'
import { KeyValueStore, SessionStore, VersionedStore, WindowStore } from '../state/index.ts'
import { codeOf, TickerError } from './errors.ts'
import { messageOf } from './failure-policy.ts'
import type { CommittedOffset } from './log/log.ts'
import type { TaskStateStore } from './operators/context.ts'
import { partitionOf } from './partitioner.ts'
import type { NodeTasks, Placement } from './placement.ts'
import { type Plan, type SubTopology, type TaskId, taskCount, taskName } from './plan.ts'
import { loadFrom } from './restore.ts'
import type { StandbyTasks } from './standby.ts'
import type { Task } from './task.ts'
import type { Timers } from './timers.ts'

/** Entries of one answer, unless asked for less. */
const MOST = 10_000

export interface QueryOptions {
  /** Whether a standby may answer where the task does not run here. Default false. */
  readonly standby?: boolean
  /** The most offsets that such a standby may lack. Default: no matter how many. */
  readonly maxLag?: number
}

export interface RangeOptions extends QueryOptions {
  /** The most entries in an answer; at most, and by default, 10,000. */
  readonly limit?: number
}

/** Milliseconds since the epoch, both inclusive. */
export interface TimeRange {
  readonly from: number
  readonly to: number
}

/** What one task or standby answers, and how new that is. */
export interface Answer<T> {
  readonly value: T
  readonly task: string
  readonly from: 'active' | 'standby'
  /** Offsets of the changelogs that it does not reflect yet, as known at most a second ago; 0 for the task itself. */
  readonly lag: number
  /** What it reflects: of the task, up to where in its inputs; of a standby, up to where in the changelogs. */
  readonly positions: readonly CommittedOffset[]
}

/** Who has a key. */
export interface KeyOwner {
  readonly task: string
  readonly partition: number
  /** Undefined while the group is dividing its work for the first time. */
  readonly active: NodeTasks | undefined
  readonly standbys: readonly NodeTasks[]
}

/** A store of the topology. */
export interface StoreDescription {
  readonly name: string
  /** Undefined where it is the engine's own: it cannot be queried. */
  readonly kind: StoreKind | undefined
  /** The name of the keys' serde. */
  readonly keys: string | undefined
}

export type StoreKind = 'key-value' | 'window' | 'session' | 'versioned'

/** What can be asked, wherever the tasks run: beside who asks (`Queries`), or in worker threads (thread-queries.ts). */
export interface StoreQueries extends Pick<Queries, 'node' | 'get' | 'range' | 'windows' | 'allWindows'> {
  stores(): readonly StoreDescription[] | Promise<readonly StoreDescription[]>
  ownerOf(store: string, key: unknown): KeyOwner | Promise<KeyOwner>
  owners(store: string): readonly KeyOwner[] | Promise<readonly KeyOwner[]>
  nodes(): readonly NodeTasks[] | Promise<readonly NodeTasks[]>
}

export interface QueriesOptions {
  readonly plan: Plan
  /** This one, as the placement names it. */
  readonly node: string
  /** Of every topic. */
  readonly partitions: ReadonlyMap<string, number>
  readonly timers: Timers
  readonly onNotice: (text: string) => void
  readonly tasks: () => readonly Task[]
  readonly standbys: Pick<StandbyTasks, 'find'>
  readonly placement: () => Placement
  /** New, empty stores of a task. */
  readonly storesOf: (id: TaskId) => readonly TaskStateStore[]
}

type AnyStore =
  | KeyValueStore<unknown, unknown>
  | WindowStore<unknown, unknown>
  | SessionStore<unknown, unknown>
  | VersionedStore<unknown, unknown>

/** How a store is asked: what of it is needed, and the question. */
interface Question<T> {
  readonly store: string
  /** Where the entries lie in a standby's database. */
  needs(store: AnyStore): readonly StoreRange[]
  ask(store: AnyStore): T
}

export class Queries {
  readonly #options: QueriesOptions
  /** A store of each name, empty: for its kind, and how its keys are written. */
  readonly #empty = new Map<string, AnyStore>()
  #descriptions: readonly StoreDescription[] | undefined

  constructor(options: QueriesOptions) {
    this.#options = options
  }

  /** The name of this node, as owners are named. */
  get node(): string {
    return this.#options.node
  }

  /** Of all nodes: what the topology keeps. */
  stores(): readonly StoreDescription[] {
    this.#descriptions ??= this.#options.plan.subTopologies.flatMap(part => {
      const made = this.#options.storesOf({ subTopology: part.id, partition: 0 })
      return part.stores.map(name => {
        const store = made.find(each => each.name === name)
        if (store === undefined || !isQueryable(store)) return { name, kind: undefined, keys: undefined }
        return { name, kind: kindOf(store), keys: store.keyCoder }
      })
    })
    return this.#descriptions
  }

  /**
   * By the default partitioner, which is what repartition topics and Kafka's producers use.
   * @throws TickerError QUERY_STORE_UNKNOWN, QUERY_STORE_KIND, QUERY_KEY_INVALID
   */
  ownerOf(store: string, key: unknown): KeyOwner {
    const part = this.#partOf(store)
    const bytes = this.#keyBytes(store, key)
    const partition = partitionOf(bytes, taskCount(part, this.#options.partitions))
    return this.#ownerOf({ subTopology: part.id, partition })
  }

  /** Of the group: every member with its tasks; several of one node, if it has threads. */
  nodes(): readonly NodeTasks[] {
    return this.#options.placement().nodes
  }

  /** Of every task of the store, by partition. @throws TickerError QUERY_STORE_UNKNOWN */
  owners(store: string): readonly KeyOwner[] {
    return this.#idsOf(store).map(id => this.#ownerOf(id))
  }

  /**
   * The value of a key; of a versioned store the latest, or the one that held at `asOf`.
   * @throws TickerError QUERY_STORE_UNKNOWN, QUERY_STORE_KIND, QUERY_ELSEWHERE
   */
  async get(
    store: string,
    key: unknown,
    options: QueryOptions & { readonly asOf?: number } = {},
  ): Promise<Answer<Timestamped<unknown> | undefined>> {
    return await this.#ofKey(key, options, {
      store,
      needs: found =>
        found instanceof KeyValueStore ? found.persisted({ from: key, to: key }) : found.persisted(key),
      ask: found => {
        if (found instanceof KeyValueStore) return found.get(key)
        if (found instanceof VersionedStore) return found.get(key, options.asOf)
        throw wrongKind(store, 'keeps more than one value per key')
      },
    })
  }

  /** Entries of a range of keys, both ends inclusive, of each task that is here: in order of the keys' bytes within each. */
  async range(
    store: string,
    range: KeyRange<unknown>,
    options: RangeOptions = {},
  ): Promise<readonly Answer<readonly KeyValueEntry<unknown, unknown>[]>[]> {
    const limit = limitOf(options)
    for (const end of [range.from, range.to]) if (end !== undefined) this.#keyBytes(store, end)
    return await this.#ofAll(options, {
      store,
      needs: found => (found instanceof KeyValueStore ? found.persisted(range) : []),
      ask: found => {
        if (found instanceof KeyValueStore) return firstOf(found.entries(range), limit)
        throw wrongKind(store, 'is no key-value store')
      },
    })
  }

  /** One key's windows that start in the range, or its sessions that touch it, by time. */
  async windows(
    store: string,
    key: unknown,
    { from, to }: TimeRange,
    options: RangeOptions = {},
  ): Promise<Answer<readonly (WindowEntry<unknown, unknown> | SessionEntry<unknown, unknown>)[]>> {
    const limit = limitOf(options)
    return await this.#ofKey(key, options, {
      store,
      needs: found => (found instanceof KeyValueStore ? [] : found.persisted(key)),
      ask: found => {
        if (found instanceof WindowStore) return firstOf(found.fetch(key, from, to), limit)
        if (found instanceof SessionStore) return firstOf(found.find(key, from, to), limit)
        throw wrongKind(store, 'keeps no windows')
      },
    })
  }

  /** All keys' windows that start in the range, or sessions that end in it, of each task that is here. */
  async allWindows(
    store: string,
    { from, to }: TimeRange,
    options: RangeOptions = {},
  ): Promise<readonly Answer<readonly (WindowEntry<unknown, unknown> | SessionEntry<unknown, unknown>)[]>[]> {
    const limit = limitOf(options)
    return await this.#ofAll(options, {
      store,
      needs: () => [{}],
      ask: found => {
        if (found instanceof WindowStore) return firstOf(found.fetchAll(from, to), limit)
        if (found instanceof SessionStore) return firstOf(found.fetchByEnd(from, to), limit)
        throw wrongKind(store, 'keeps no windows')
      },
    })
  }

  async #ofKey<T>(key: unknown, options: QueryOptions, question: Question<T>): Promise<Answer<T>> {
    const { task, partition, active } = this.ownerOf(question.store, key)
    const part = this.#partOf(question.store)
    const answer = await this.#ask({ subTopology: part.id, partition }, options, question)
    if (answer !== undefined) return answer
    const where =
      active === undefined ? 'no node runs it yet' : `it runs on ${active.endpoint ?? active.node}`
    throw new TickerError('QUERY_ELSEWHERE', `the key belongs to task ${task}, which is not here: ${where}`)
  }

  async #ofAll<T>(options: QueryOptions, question: Question<T>): Promise<readonly Answer<T>[]> {
    const ids = this.#idsOf(question.store)
    const answers = await Promise.all(ids.map(id => this.#ask(id, options, question)))
    return answers.filter(answer => answer !== undefined)
  }

  /** Undefined where the task is not here. */
  async #ask<T>(id: TaskId, options: QueryOptions, question: Question<T>): Promise<Answer<T> | undefined> {
    const name = taskName(id)
    const task = this.#options.tasks().find(each => each.name === name)
    if (task !== undefined) {
      const value = question.ask(known(question.store, task.operators.stores))
      return { value, task: name, from: 'active', lag: 0, positions: task.positions }
    }
    const standby = options.standby ? this.#options.standbys.find(name) : undefined
    if (standby === undefined || standby.lag > (options.maxLag ?? Number.POSITIVE_INFINITY)) return undefined
    const { lag, positions } = standby
    const store = known(question.store, this.#options.storesOf(id))
    // A standby does not follow the topic that such a table has for its changelog.
    if (store.changelog !== undefined) return undefined
    try {
      for (const range of question.needs(store)) {
        for await (const entries of standby.database.scan(store.name, range))
          for (let at = 0; at < entries.length; ) at = await loadFrom(store, entries, at, this.#options)
      }
    } catch (error) {
      // Closed meanwhile, because the task begins here or goes elsewhere.
      if (codeOf(error) === 'STATE_MISUSED') return undefined
      throw error
    }
    if (!(store instanceof KeyValueStore)) store.loaded()
    return { value: question.ask(store), task: name, from: 'standby', lag, positions }
  }

  #ownerOf(id: TaskId): KeyOwner {
    const task = taskName(id)
    const { nodes } = this.#options.placement()
    return {
      task,
      partition: id.partition,
      active: nodes.find(({ active }) => active.includes(task)),
      standbys: nodes.filter(({ standby }) => standby.includes(task)),
    }
  }

  #idsOf(store: string): TaskId[] {
    const part = this.#partOf(store)
    const count = taskCount(part, this.#options.partitions)
    return Array.from({ length: count }, (_, partition) => ({ subTopology: part.id, partition }))
  }

  #partOf(store: string): SubTopology {
    const found = this.#options.plan.subTopologies.find(({ stores }) => stores.includes(store))
    if (found === undefined) throw new TickerError('QUERY_STORE_UNKNOWN', `no task has a store ${store}`)
    return found
  }

  /** @throws TickerError QUERY_KEY_INVALID */
  #keyBytes(name: string, key: unknown): Buffer {
    const store = this.#emptyStore(name)
    try {
      return store.keyBytes(key)
    } catch (cause) {
      const text = `the store ${name} has no such keys (${store.keyCoder}): ${messageOf(cause)}`
      throw new TickerError('QUERY_KEY_INVALID', text, { cause })
    }
  }

  #emptyStore(name: string): AnyStore {
    const { id } = this.#partOf(name)
    const store =
      this.#empty.get(name) ?? known(name, this.#options.storesOf({ subTopology: id, partition: 0 }))
    this.#empty.set(name, store)
    return store
  }
}

/** @throws TickerError QUERY_STORE_KIND */
function known(name: string, stores: readonly TaskStateStore[]): AnyStore & TaskStateStore {
  const store = stores.find(each => each.name === name)
  if (store !== undefined && isQueryable(store)) return store
  throw wrongKind(name, 'cannot be queried')
}

function isQueryable(store: TaskStateStore): store is AnyStore & TaskStateStore {
  return (
    store instanceof KeyValueStore ||
    store instanceof WindowStore ||
    store instanceof SessionStore ||
    store instanceof VersionedStore
  )
}

function kindOf(store: AnyStore): StoreKind {
  if (store instanceof KeyValueStore) return 'key-value'
  if (store instanceof WindowStore) return 'window'
  return store instanceof SessionStore ? 'session' : 'versioned'
}

function wrongKind(store: string, what: string): TickerError {
  return new TickerError('QUERY_STORE_KIND', `the store ${store} ${what}`)
}

function limitOf({ limit = MOST }: RangeOptions): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MOST) return limit
  throw new TickerError('QUERY_LIMIT_INVALID', `${limit} is no limit of entries`)
}

function firstOf<T>(entries: Iterable<T>, limit: number): T[] {
  const found: T[] = []
  for (const entry of entries) {
    if (found.length === limit) break
    found.push(entry)
  }
  return found
}
