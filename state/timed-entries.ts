/**
 * The machine of the stores that are ordered by time: entries at (key, time, rank), found by key and by time, with the
 * greatest time observed. The rank tells entries of one key and time apart: a sequence number, or a session's start.
 *
 * Persisted, numbers big-endian:
 *
 *     00                                         → float64 observed time, float64 next sequence number
 *     01 keyLength:uint32 key time:int64 rank:int64 → what the store makes of the value
 *     02 name                                    → float64 time of a clock that the operator keeps here
 */
import { Changes } from './changes.ts'
import { byteString, readInt64, writeInt64 } from './coder.ts'
import { ascendingOrder as order, type SortedTree, sortedTree, sortedTreeOf } from './sorted-tree.ts'
import type { StoreChange, StoreRange } from './store.ts'

/** Before any time was observed. */
export const NEVER = Number.NEGATIVE_INFINITY

export interface Place {
  /** The key's bytes, as a byte string. */
  readonly key: string
  readonly time: number
  readonly rank: number
}

export interface TimedEntry<T> extends Place {
  content: T
  /** Its persisted key, while the next commit knows of it. */
  noted: string | undefined
}

/** Of the operator's own. */
interface NamedClock {
  time: number
  /** As an entry's. */
  noted: string | undefined
}

type Tree<T> = SortedTree<Place, TimedEntry<T>>
type Order = (a: Place, b: Place) => number

const CLOCK = '\x00'
const ENTRY = 1
const KEY_AT = 5
const NAMED_CLOCK = '\x02'
/** Entries of a key that are found without a search: as many as a record is likely to touch. */
const NEAR = 4

export class TimedEntries<T> {
  readonly #timeOrder: Order
  #byKey: Tree<T>
  #byTime: Tree<T>
  /** Between `load` and `loaded`. */
  #loading: TimedEntry<T>[] = []
  /** By key, the entries used last. Nearly every access is to one of them, and a search compares ten keys. */
  readonly #near = new Map<string, TimedEntry<T>[]>()
  /** Those of the key that was asked for last, which most often is asked for again. */
  #lastKey: string | undefined
  #lastNear: TimedEntry<T>[] | undefined
  readonly #changes = new Changes<TimedEntry<T> | NamedClock | 'clock'>()
  readonly #namedClocks = new Map<string, NamedClock>()
  #observedTime = NEVER
  #sequence = 0

  /** `ties`: what orders entries of the same time in reads over all keys. */
  constructor(options: { ties: 'key' | 'rank' }) {
    this.#timeOrder = options.ties === 'key' ? compareByTime : compareByTimeAndRank
    this.#byKey = sortedTree(compareByKey)
    this.#byTime = sortedTree(this.#timeOrder)
  }

  get observedTime(): number {
    return this.#observedTime
  }

  /** Raises the observed time; a smaller one changes nothing. */
  observe(time: number): void {
    if (time <= this.#observedTime) return
    this.#observedTime = time
    this.#clockChanged()
  }

  /** Raises a clock of the operator's own, named by a byte string; answers with its time before. */
  raiseClock(name: string, time: number): number {
    let clock = this.#namedClocks.get(name)
    const isNew = clock === undefined
    if (clock === undefined) {
      clock = { time: NEVER, noted: undefined }
      this.#namedClocks.set(name, clock)
    }
    const before = clock.time
    if (time <= before) return before
    clock.time = time
    if (clock.noted === undefined) {
      clock.noted = NAMED_CLOCK + name
      this.#changes.put(clock.noted, clock, !isNew)
    }
    return before
  }

  /** A number greater than all before it, also those before a restore. */
  nextSequence(): number {
    this.#clockChanged()
    return this.#sequence++
  }

  get(key: string, time: number, rank: number): TimedEntry<T> | undefined {
    const near = this.#nearOf(key)
    if (near !== undefined) {
      for (let i = 0; i < near.length; i++) {
        const entry = near[i]!
        if (entry.time === time && entry.rank === rank) return entry
      }
    }
    const entry = this.#byKey.get({ key, time, rank })
    if (entry !== undefined) this.#keepNear(entry)
    return entry
  }

  put(key: string, time: number, rank: number, content: T): void {
    const found = this.get(key, time, rank)
    if (found !== undefined) {
      found.content = content
      this.changed(found)
      return
    }
    const entry = { key, time, rank, content, noted: undefined }
    this.#byKey.set(entry, entry)
    this.#byTime.set(entry, entry)
    this.#keepNear(entry)
    this.#note(entry, false)
  }

  /** To be told when an entry's content was changed. */
  changed(entry: TimedEntry<T>): void {
    this.#note(entry, true)
  }

  delete({ key, time, rank }: Place): boolean {
    const entry = this.get(key, time, rank)
    if (entry === undefined) return false
    this.#byKey.delete(entry)
    this.#byTime.delete(entry)
    this.#changes.delete(entry.noted ?? idOf(entry))
    const near = this.#near.get(key)!
    if (near.length === 1) {
      this.#near.delete(key)
      this.#lastKey = undefined
    } else near.splice(near.indexOf(entry), 1)
    return true
  }

  /** One key's entries with from <= time <= to, by time, then rank. */
  ofKey(key: string, from: number, to: number): TimedEntry<T>[] {
    return collect(
      this.#byKey,
      { key, time: from, rank: NEVER },
      entry => entry.key === key && entry.time <= to,
    )
  }

  /** The key's last entry with time <= `to`. */
  lastOfKey(key: string, to: number): TimedEntry<T> | undefined {
    const last = this.#byKey.getPairOrNextLower({ key, time: to, rank: Number.POSITIVE_INFINITY })?.[1]
    return last?.key === key ? last : undefined
  }

  /** All keys' entries with from <= time <= to, by time. */
  ofTime(from: number, to: number): TimedEntry<T>[] {
    // Less than every rank and key of that time.
    return collect(this.#byTime, { key: '', time: from, rank: NEVER }, entry => entry.time <= to)
  }

  /** All entries by key, time, rank, as of the call. */
  all(): TimedEntry<T>[] {
    return [...this.#byKey.values()]
  }

  /** Deletes all entries with time <= `to`. */
  dropUpTo(to: number): void {
    for (;;) {
      const oldest = this.#byTime.minKey()
      if (oldest === undefined || oldest.time > to) return
      this.delete(oldest)
    }
  }

  takeChanges(encode: (content: T) => Buffer): StoreChange[] {
    return this.#changes.take(changed => {
      if (changed === 'clock') return this.#clockBytes()
      changed.noted = undefined
      return 'content' in changed ? encode(changed.content) : timeBytes(changed.time)
    })
  }

  /**
   * Takes in a persisted entry, in the order of their keys; `loaded` is called when all are in. One with
   * time <= `expired` is left out, and deleted where it is persisted.
   * @throws RangeError on a key that is none of such a store
   */
  load(id: Buffer, value: Buffer, decode: (place: Place, key: Buffer) => T, expired = NEVER): void {
    if (byteString(id) === CLOCK) {
      this.#observedTime = value.readDoubleBE()
      this.#sequence = value.readDoubleBE(8)
      return
    }
    if (byteString(id).startsWith(NAMED_CLOCK)) {
      this.#namedClocks.set(byteString(id.subarray(1)), {
        time: value.readDoubleBE(),
        noted: undefined,
      })
      return
    }
    const place = placeOf(id)
    const { key, time, rank } = place
    if (time <= expired) this.#changes.delete(byteString(id))
    else {
      const content = decode(place, id.subarray(KEY_AT, id.length - 16))
      this.#loading.push({ key, time, rank, content, noted: undefined })
    }
  }

  loaded(): void {
    const entries = this.#loading
    this.#loading = []
    const timely = inOrderOfTime(entries, this.#timeOrder)
    this.#byTime = sortedTreeOf<Place, TimedEntry<T>>(timely, timely, this.#timeOrder)
    // As persisted they are in order already, but for the length of keys and times before 1970.
    this.#byKey = sortedTreeOf<Place, TimedEntry<T>>(entries.sort(compareByKey), entries, compareByKey)
  }

  #nearOf(key: string): TimedEntry<T>[] | undefined {
    if (key !== this.#lastKey) {
      this.#lastKey = key
      this.#lastNear = this.#near.get(key)
    }
    return this.#lastNear
  }

  #keepNear(entry: TimedEntry<T>): void {
    const near = this.#near.get(entry.key)
    if (near === undefined) {
      this.#near.set(entry.key, [entry])
      this.#lastKey = undefined
    } else {
      if (near.length === NEAR) near.shift()
      near.push(entry)
    }
  }

  #note(entry: TimedEntry<T>, existed: boolean): void {
    if (entry.noted !== undefined) return
    entry.noted = idOf(entry)
    this.#changes.put(entry.noted, entry, existed)
  }

  #clockChanged(): void {
    this.#changes.put(CLOCK, 'clock', true)
  }

  #clockBytes(): Buffer {
    const out = Buffer.allocUnsafe(16)
    out.writeDoubleBE(this.#observedTime)
    out.writeDoubleBE(this.#sequence, 8)
    return out
  }
}

function timeBytes(time: number): Buffer {
  const out = Buffer.allocUnsafe(8)
  out.writeDoubleBE(time)
  return out
}

function collect<T>(tree: Tree<T>, low: Place, within: (entry: TimedEntry<T>) => boolean): TimedEntry<T>[] {
  const found: TimedEntry<T>[] = []
  for (const entry of tree.values(low)) {
    if (!within(entry)) break
    found.push(entry)
  }
  return found
}

/** Sorts by an array of times, because to follow each entry to its time takes four times as long. */
function inOrderOfTime<E extends Place>(entries: readonly E[], order: Order): E[] {
  const times = Float64Array.from(entries, entry => entry.time)
  const index = Uint32Array.from(times.keys())
  index.sort((a, b) => times[a]! - times[b]! || order(entries[a]!, entries[b]!))
  return Array.from(index, at => entries[at]!)
}

function compareByKey(a: Place, b: Place): number {
  return order(a.key, b.key) || order(a.time, b.time) || order(a.rank, b.rank)
}

function compareByTime(a: Place, b: Place): number {
  return order(a.time, b.time) || order(a.key, b.key) || order(a.rank, b.rank)
}

function compareByTimeAndRank(a: Place, b: Place): number {
  return order(a.time, b.time) || order(a.rank, b.rank) || order(a.key, b.key)
}

function idOf({ key, time, rank }: Place): string {
  const out = Buffer.allocUnsafe(21 + key.length)
  out[0] = ENTRY
  out.writeUInt32BE(key.length, 1)
  out.write(key, 5, 'latin1')
  writeInt64(out, time, 5 + key.length)
  writeInt64(out, rank, 13 + key.length)
  return byteString(out)
}

/** Where the entries of a key lie, which is a byte string, and the clocks. */
export function persistedRanges(key: string): StoreRange[] {
  const from = Buffer.allocUnsafe(KEY_AT + key.length)
  from[0] = ENTRY
  from.writeUInt32BE(key.length, 1)
  from.write(key, KEY_AT, 'latin1')
  // Beyond all times and ranks, of 8 bytes each.
  const to = Buffer.concat([from, Buffer.alloc(17, 0xff)])
  return [
    { from: Buffer.of(0), to: Buffer.of(ENTRY) },
    { from, to },
  ]
}

function placeOf(id: Buffer): Place {
  const length = id.length - 21
  if (length < 0 || id[0] !== ENTRY || id.readUInt32BE(1) !== length)
    throw new RangeError(`${id.toString('hex')} is no key of a store ordered by time`)
  return {
    key: byteString(id.subarray(KEY_AT, KEY_AT + length)),
    time: readInt64(id, KEY_AT + length),
    rank: readInt64(id, KEY_AT + 8 + length),
  }
}
