/**
 * Each key's value over time (KIP-889): a put is a version that holds from its timestamp to the next one's. What was
 * valid `historyRetention` before the greatest timestamp put, and everything since, is kept; the latest always.
 */
import type { Coder } from './coder.ts'
import { keyNames } from './key-names.ts'
import { decodeNumbered, encodeNumbered, previousLayouts } from './numbered-values.ts'
import type { StoreChange, StoreRange } from './store.ts'
import { persistedRanges, TimedEntries } from './timed-entries.ts'
import type { Timestamped } from './timestamped.ts'

/** What `put` did (KIP-914). */
export interface VersionPut {
  /** False if the timestamp is behind the history. */
  readonly stored: boolean
  /** Whether this is now the key's latest version. */
  readonly latest: boolean
}

interface Version<V> {
  /** Null: a deletion. */
  readonly value: V | null
}

/** Persisted; a value has a byte before it that is the number of its layout, beginning here. */
const DELETION = Buffer.of(0)
const VALUE = 1

export class VersionedStore<K, V> {
  readonly name: string
  readonly layout: string
  readonly previousLayouts: readonly string[]
  readonly historyRetention: number
  readonly #key: Coder<K>
  readonly #value: Coder<V>
  readonly #id: (key: K) => string
  readonly #versions = new TimedEntries<Version<V>>({ ties: 'key' })

  /** `historyRetention` in ms. */
  constructor(options: { name: string; key: Coder<K>; value: Coder<V>; historyRetention: number }) {
    this.name = options.name
    this.historyRetention = options.historyRetention
    this.#id = keyNames(options.key)
    this.#key = options.key
    this.#value = options.value
    const layoutOf = (value: string): string => `versioned-1:${options.key.name}:${value}`
    this.layout = layoutOf(options.value.name)
    this.previousLayouts = previousLayouts(options.value, layoutOf)
  }

  /** The greatest timestamp put; -Infinity before the first. */
  get observedTime(): number {
    return this.#versions.observedTime
  }

  /** A version of the same timestamp is replaced. Null deletes the key from then on. */
  put(key: K, value: V | null, timestamp: number): VersionPut {
    const before = this.#bound
    if (timestamp < before) return { stored: false, latest: false }
    const id = this.#id(key)
    const latest = this.#versions.lastOfKey(id, Number.POSITIVE_INFINITY)
    this.#versions.put(id, timestamp, 0, { value })
    this.#versions.observe(timestamp)
    const bound = this.#bound
    if (bound > before)
      for (const { key: reached } of this.#versions.ofTime(before, bound)) this.#prune(reached, bound)
    this.#prune(id, bound)
    return { stored: true, latest: latest === undefined || latest.time <= timestamp }
  }

  /**
   * The latest version, or the one that holds at `asOf`. There is none where the key is deleted, and none before the
   * history unless it is the latest.
   */
  get(key: K, asOf = Number.POSITIVE_INFINITY): Timestamped<V> | undefined {
    const id = this.#id(key)
    const version = this.#versions.lastOfKey(id, asOf)
    if (version === undefined || version.content.value === null) return undefined
    if (asOf < this.#bound && this.#versions.lastOfKey(id, Number.POSITIVE_INFINITY) !== version)
      return undefined
    return { value: version.content.value, timestamp: version.time }
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
    return this.#versions.takeChanges(({ value }) =>
      value === null ? DELETION : encodeNumbered(this.#value, value, VALUE),
    )
  }

  /** Takes in a persisted entry. `loaded` is called when all are in. */
  load(id: Buffer, bytes: Buffer): void {
    this.#versions.load(id, bytes, () => ({
      value: bytes[0] === 0 ? null : decodeNumbered(this.#value, bytes[0]! - VALUE, bytes, 1, bytes.length),
    }))
  }

  loaded(): void {
    this.#versions.loaded()
  }

  /** Since when what is valid is kept. */
  get #bound(): number {
    return this.observedTime - this.historyRetention
  }

  /** Drops what was superseded before the bound; a deletion that holds there says no more than nothing does. */
  #prune(key: string, bound: number): void {
    const reached = this.#versions.ofKey(key, Number.NEGATIVE_INFINITY, bound)
    const valid = reached.at(-1)
    for (const version of reached)
      if (version !== valid || version.content.value === null) this.#versions.delete(version)
  }
}
