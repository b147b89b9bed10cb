/**
 * Values per key and window start, kept for a time. A start that is `retention` or more behind the greatest one put is
 * gone for every read, as in Kafka Streams' window stores, and is deleted.
 */
import type { Coder } from './coder.ts'
import { keyNames } from './key-names.ts'
import { previousLayouts } from './numbered-values.ts'
import type { StoreChange, StoreRange } from './store.ts'
import { persistedRanges, TimedEntries, type TimedEntry } from './timed-entries.ts'
import { decodeTimestamped, encodeTimestamped, type Timestamped } from './timestamped.ts'

export interface WindowEntry<K, V> extends Timestamped<V> {
  readonly key: K
  /** The window's start, ms. */
  readonly start: number
}

/**
 * What is kept of a window. It is changed in place, so reads copy it: a new object for each change would go straight to
 * the old generation, where V8 puts what is long kept, and be most of the garbage of a window aggregation.
 */
type Kept<K, V> = { -readonly [F in keyof WindowEntry<K, V>]: WindowEntry<K, V>[F] }

export interface WindowStoreOptions<K, V> {
  readonly name: string
  readonly key: Coder<K>
  readonly value: Coder<V>
  /** In ms. */
  readonly retention: number
  /** Whether `put` adds a value instead of replacing the one of the same key and start: for the buffers of joins. */
  readonly retainDuplicates?: boolean
}

export class WindowStore<K, V> {
  readonly name: string
  readonly layout: string
  readonly previousLayouts: readonly string[]
  readonly retention: number
  readonly #key: Coder<K>
  readonly #value: Coder<V>
  readonly #id: (key: K) => string
  readonly #duplicates: boolean
  readonly #entries = new TimedEntries<Kept<K, V>>({ ties: 'key' })

  constructor(options: WindowStoreOptions<K, V>) {
    this.name = options.name
    this.retention = options.retention
    this.#key = options.key
    this.#id = keyNames(options.key)
    this.#value = options.value
    this.#duplicates = options.retainDuplicates ?? false
    const kind = this.#duplicates ? 'window-duplicates-1' : 'window-1'
    const layoutOf = (value: string): string => `${kind}:${options.key.name}:${value}`
    this.layout = layoutOf(options.value.name)
    this.previousLayouts = previousLayouts(options.value, layoutOf)
  }

  /** The greatest start put, or deleted; -Infinity before the first. */
  get observedTime(): number {
    return this.#entries.observedTime
  }

  /** With duplicates the earliest of them. */
  get(key: K, start: number): WindowEntry<K, V> | undefined {
    if (this.#duplicates) return this.fetch(key, start, start)[0]
    const found = this.#entries.get(this.#id(key), start, 0)
    return found && copyOf(found)
  }

  /** As `get`, but what is kept itself: to be looked at before the next `put`, which changes it. Not for duplicates. */
  peek(key: K, start: number): Timestamped<V> | undefined {
    return this.#entries.get(this.#id(key), start, 0)?.content
  }

  /**
   * False, and nothing is stored, if the start is behind the retention. The value is kept as it is and becomes bytes at
   * the next commit.
   */
  put(key: K, start: number, value: V, timestamp: number): boolean {
    this.#observe(start)
    if (start <= this.observedTime - this.retention) return false
    const id = this.#id(key)
    const found = this.#duplicates ? undefined : this.#entries.get(id, start, 0)
    if (found === undefined) {
      const rank = this.#duplicates ? this.#entries.nextSequence() : 0
      this.#entries.put(id, start, rank, { key, start, value, timestamp })
    } else {
      found.content.value = value
      found.content.timestamp = timestamp
      this.#entries.changed(found)
    }
    return true
  }

  /** Deletes what is there, with duplicates all of them; whether there was any. The start counts as observed. */
  delete(key: K, start: number): boolean {
    this.#observe(start)
    const found = this.#entries.ofKey(this.#id(key), start, start)
    for (const entry of found) this.#entries.delete(entry)
    return found.length > 0
  }

  /** One key's windows with fromStart <= start <= toStart, by start; duplicates in order of arrival. As of the call. */
  fetch(
    key: K,
    fromStart: number,
    toStart: number,
    options: { readonly reverse?: boolean } = {},
  ): readonly WindowEntry<K, V>[] {
    const found = this.#entries.ofKey(this.#id(key), fromStart, toStart).map(copyOf)
    return options.reverse ? found.reverse() : found
  }

  /** All keys' windows with fromStart <= start <= toStart, by start, then by the key's bytes. As of the call. */
  fetchAll(fromStart: number, toStart: number): readonly WindowEntry<K, V>[] {
    return this.#entries.ofTime(fromStart, toStart).map(copyOf)
  }

  /** By the key's bytes, then start. As of the call. */
  all(): Iterable<WindowEntry<K, V>> {
    return this.#entries.all().map(copyOf)
  }

  /**
   * Raises a clock that the operator keeps with its windows, so that both are committed and restored together; answers with
   * its time before, -Infinity at first. No read depends on it.
   * @param name a byte string
   */
  raiseClock(name: string, time: number): number {
    return this.#entries.raiseClock(name, time)
  }

  /** The name of the keys' coder. */
  get keyCoder(): string {
    return this.#key.name
  }

  /** The key's bytes: what its partition is chosen by. */
  keyBytes(key: K): Buffer {
    return this.#key.serialize(key)
  }

  /** Where a key's entries lie in a database, with what else is needed to read them. */
  persisted(key: K): StoreRange[] {
    return persistedRanges(this.#id(key))
  }

  takeChanges(): StoreChange[] {
    return this.#entries.takeChanges(entry => encodeTimestamped(this.#value, entry))
  }

  /** Takes in a persisted entry, unless it has expired; the clock's comes first. `loaded` is called when all are in. */
  load(id: Buffer, bytes: Buffer): void {
    this.#entries.load(
      id,
      bytes,
      ({ time }, key) => ({
        key: this.#key.deserialize(key),
        start: time,
        ...decodeTimestamped(this.#value, bytes),
      }),
      this.observedTime - this.retention,
    )
  }

  loaded(): void {
    this.#entries.loaded()
  }

  #observe(start: number): void {
    if (start <= this.observedTime) return
    this.#entries.observe(start)
    this.#entries.dropUpTo(this.observedTime - this.retention)
  }
}

function copyOf<K, V>({ content }: TimedEntry<Kept<K, V>>): WindowEntry<K, V> {
  const { key, start, value, timestamp } = content
  return { key, start, value, timestamp }
}
