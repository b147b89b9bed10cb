/**
 * What a stream-stream join knows of records that have met no partner so far, and the join's clocks. Resident.
 *
 * Persisted, numbers big-endian:
 *
 *     00                            → float64 stream time, float64 low
 *     01 time:int64 side:uint8 key  → (length:uint32 value) …    side: 0 right, 1 left
 */
import { Changes } from './changes.ts'
import { byteString, type Coder, readInt64, writeInt64 } from './coder.ts'
import { ascendingOrder, sortedTree } from './sorted-tree.ts'
import type { StoreChange } from './store.ts'

export interface UnmatchedPlace<K> {
  readonly left: boolean
  readonly key: K
  /** Event time, ms. */
  readonly timestamp: number
}

export interface UnmatchedRecords<K, V> extends UnmatchedPlace<K> {
  /** Of records of the same side, key and timestamp, in order of arrival. */
  readonly values: readonly V[]
}

export interface UnmatchedStoreOptions<K, V> {
  readonly name: string
  readonly key: Coder<K>
  readonly left: Coder<V>
  readonly right: Coder<V>
}

const CLOCKS = '\x00'
const ENTRY = 1
const KEY_AT = 10

export class UnmatchedStore<K, V> {
  readonly name: string
  readonly layout: string
  readonly #options: UnmatchedStoreOptions<K, V>
  readonly #entries = sortedTree<string, UnmatchedRecords<K, V>>(ascendingOrder)
  readonly #changes = new Changes<UnmatchedRecords<K, V> | 'clocks'>()
  #streamTime = Number.NEGATIVE_INFINITY
  #low = Number.POSITIVE_INFINITY

  constructor(options: UnmatchedStoreOptions<K, V>) {
    this.name = options.name
    this.#options = options
    this.layout = `unmatched-1:${options.key.name}:${options.left.name}:${options.right.name}`
  }

  /** The greatest timestamp the join has seen; -Infinity before the first. */
  get streamTime(): number {
    return this.#streamTime
  }

  /** Raises the stream time; a smaller one changes nothing. */
  observe(time: number): void {
    if (time <= this.#streamTime) return
    this.#streamTime = time
    this.#changes.put(CLOCKS, 'clocks', true)
  }

  /** The timestamp from which the join looks for overdue records: its own to set; Infinity at first. */
  get low(): number {
    return this.#low
  }

  set low(timestamp: number) {
    if (timestamp === this.#low) return
    this.#low = timestamp
    this.#changes.put(CLOCKS, 'clocks', true)
  }

  add(place: UnmatchedPlace<K>, value: V): void {
    const id = this.#id(place)
    const found = this.#entries.get(id)
    const { left, key, timestamp } = place
    const entry = { left, key, timestamp, values: [...(found?.values ?? []), value] }
    this.#entries.set(id, entry)
    this.#changes.put(id, entry, found !== undefined)
  }

  /** All records of this place; whether there was one. */
  delete(place: UnmatchedPlace<K>): boolean {
    const id = this.#id(place)
    if (!this.#entries.delete(id)) return false
    this.#changes.delete(id)
    return true
  }

  /** By timestamp, right before left, then by the key's bytes. As of the call. */
  entries(): Iterable<UnmatchedRecords<K, V>> {
    return this.#entries.clone().values()
  }

  takeChanges(): StoreChange[] {
    return this.#changes.take(entry => {
      if (entry === 'clocks') return this.#clockBytes()
      return listBytes(entry.values, entry.left ? this.#options.left : this.#options.right)
    })
  }

  /** Takes in a persisted entry. @throws RangeError on a key that is none of such a store */
  load(id: Buffer, bytes: Buffer): void {
    if (byteString(id) === CLOCKS) {
      this.#streamTime = bytes.readDoubleBE()
      this.#low = bytes.readDoubleBE(8)
      return
    }
    if (id.length < KEY_AT || id[0] !== ENTRY)
      throw new RangeError(`${id.toString('hex')} is no key of a store of unmatched records`)
    const left = id[KEY_AT - 1] === 1
    this.#entries.set(byteString(id), {
      left,
      key: this.#options.key.deserialize(id.subarray(KEY_AT)),
      timestamp: readInt64(id, 1),
      values: listOf(bytes, left ? this.#options.left : this.#options.right),
    })
  }

  #id({ left, key, timestamp }: UnmatchedPlace<K>): string {
    const head = Buffer.allocUnsafe(KEY_AT)
    head[0] = ENTRY
    writeInt64(head, timestamp, 1)
    head[KEY_AT - 1] = left ? 1 : 0
    return byteString(Buffer.concat([head, this.#options.key.serialize(key)]))
  }

  #clockBytes(): Buffer {
    const out = Buffer.allocUnsafe(16)
    out.writeDoubleBE(this.#streamTime)
    out.writeDoubleBE(this.#low, 8)
    return out
  }
}

function listBytes<V>(values: readonly V[], coder: Coder<V>): Buffer {
  const parts = values.flatMap(value => {
    const bytes = coder.serialize(value)
    const length = Buffer.allocUnsafe(4)
    length.writeUInt32BE(bytes.length)
    return [length, bytes]
  })
  return Buffer.concat(parts)
}

function listOf<V>(bytes: Buffer, coder: Coder<V>): V[] {
  const values: V[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at)
    values.push(coder.deserialize(bytes.subarray(at + 4, end)))
    at = end
  }
  return values
}
