/**
 * Values per key and session. A session whose end is `retention` or more behind the greatest end put is gone for every
 * read, as in Kafka Streams' session stores, and is deleted.
 */
import type { Coder } from './coder.ts'
import { keyNames } from './key-names.ts'
import { decodeNumbered, encodeNumbered, previousLayouts } from './numbered-values.ts'
import type { StoreChange, StoreRange } from './store.ts'
import { persistedRanges, TimedEntries } from './timed-entries.ts'

export interface SessionEntry<K, V> {
  readonly key: K
  /** Time of the session's first record, ms. */
  readonly start: number
  /** Time of the session's last record, ms. */
  readonly end: number
  readonly value: V
}

export class SessionStore<K, V> {
  readonly name: string
  readonly layout: string
  readonly previousLayouts: readonly string[]
  readonly retention: number
  readonly #key: Coder<K>
  readonly #value: Coder<V>
  readonly #id: (key: K) => string
  /** Time is the end, rank the start: the order of Kafka Streams' session keys. */
  readonly #entries = new TimedEntries<SessionEntry<K, V>>({ ties: 'rank' })

  /** `retention` in ms. */
  constructor(options: { name: string; key: Coder<K>; value: Coder<V>; retention: number }) {
    this.name = options.name
    this.retention = options.retention
    this.#key = options.key
    this.#id = keyNames(options.key)
    this.#value = options.value
    const layoutOf = (value: string): string => `session-2:${options.key.name}:${value}`
    this.layout = layoutOf(options.value.name)
    this.previousLayouts = previousLayouts(options.value, layoutOf)
  }

  /** The greatest end put, or deleted; -Infinity before the first. */
  get observedTime(): number {
    return this.#entries.observedTime
  }

  get(key: K, start: number, end: number): SessionEntry<K, V> | undefined {
    return this.#entries.get(this.#id(key), end, start)?.content
  }

  /**
   * False, and nothing is stored, if the end is behind the retention. The value is kept as it is and becomes bytes at the
   * next commit.
   */
  put(key: K, start: number, end: number, value: V): boolean {
    this.#observe(end)
    if (end <= this.observedTime - this.retention) return false
    this.#entries.put(this.#id(key), end, start, { key, start, end, value })
    return true
  }

  /** Whether there was one. The end counts as observed. */
  delete(key: K, start: number, end: number): boolean {
    this.#observe(end)
    return this.#entries.delete({ key: this.#id(key), time: end, rank: start })
  }

  /** One key's sessions with end >= earliestEnd and start <= latestStart, by end, then start. As of the call. */
  find(key: K, earliestEnd: number, latestStart: number): readonly SessionEntry<K, V>[] {
    const found: SessionEntry<K, V>[] = []
    for (const { content } of this.#entries.ofKey(this.#id(key), earliestEnd, Number.POSITIVE_INFINITY))
      if (content.start <= latestStart) found.push(content)
    return found
  }

  /** All keys' sessions with fromEnd <= end <= toEnd, by end, then start, then the key's bytes. As of the call. */
  fetchByEnd(fromEnd: number, toEnd: number): readonly SessionEntry<K, V>[] {
    return this.#entries.ofTime(fromEnd, toEnd).map(entry => entry.content)
  }

  /** By the key's bytes, then end, then start. As of the call. */
  all(): Iterable<SessionEntry<K, V>> {
    return this.#entries.all().map(entry => entry.content)
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
    return this.#entries.takeChanges(entry => encodeNumbered(this.#value, entry.value))
  }

  /** Takes in a persisted entry, unless it has expired; the clock's comes first. `loaded` is called when all are in. */
  load(id: Buffer, bytes: Buffer): void {
    this.#entries.load(
      id,
      bytes,
      ({ time, rank }, key) => ({
        key: this.#key.deserialize(key),
        start: rank,
        end: time,
        value: decodeNumbered(this.#value, bytes[0]!, bytes, 1, bytes.length),
      }),
      this.observedTime - this.retention,
    )
  }

  loaded(): void {
    this.#entries.loaded()
  }

  #observe(end: number): void {
    if (end <= this.observedTime) return
    this.#entries.observe(end)
    this.#entries.dropUpTo(this.observedTime - this.retention)
  }
}
