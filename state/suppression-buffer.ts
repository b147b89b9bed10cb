/**
 * What a suppression holds back: one entry per key, ordered by the time of its key's first one, then by key bytes. A later
 * entry takes its key's place in that order. Resident.
 *
 * Persisted, numbers big-endian:
 *
 *     00      → float64 stream time
 *     01 key  → float64 time, the entry
 */
import { Changes } from './changes.ts'
import { byteString, type Coder } from './coder.ts'
import { type SortedTree, sortedTree } from './sorted-tree.ts'
import type { StoreChange } from './store.ts'

export interface Suppressed<K, E> {
  readonly key: K
  /** Its place in the order. */
  readonly time: number
  readonly entry: E
}

interface Slot<K, E> extends Suppressed<K, E> {
  readonly id: string
  /** Of key and entry; 0 if they are not measured. */
  readonly bytes: number
}

const STREAM_TIME = '\x00'
const ENTRY = '\x01'

export class SuppressionBuffer<K, E> {
  readonly name: string
  readonly layout: string
  readonly #key: Coder<K>
  readonly #entry: Coder<E>
  readonly #isMeasured: boolean
  readonly #slots = new Map<string, Slot<K, E>>()
  readonly #order: SortedTree<Slot<K, E>, true> = sortedTree(
    (a, b) => a.time - b.time || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  )
  readonly #changes = new Changes<Slot<K, E> | 'streamTime'>()
  #streamTime = Number.NEGATIVE_INFINITY
  #bytes = 0

  /** `measured`: whether `bytes` is kept, for which each entry is serialized when it is put. */
  constructor(options: { name: string; key: Coder<K>; entry: Coder<E>; measured: boolean }) {
    this.name = options.name
    this.#key = options.key
    this.#entry = options.entry
    this.#isMeasured = options.measured
    this.layout = `suppression-1:${options.key.name}:${options.entry.name}`
  }

  get size(): number {
    return this.#slots.size
  }

  /** Of all keys and entries, serialized. */
  get bytes(): number {
    return this.#bytes
  }

  /** The greatest timestamp the suppression has seen; -Infinity before the first. */
  get streamTime(): number {
    return this.#streamTime
  }

  /** Raises the stream time; a smaller one changes nothing. */
  observe(time: number): void {
    if (time <= this.#streamTime) return
    this.#changes.put(STREAM_TIME, 'streamTime', this.#streamTime !== Number.NEGATIVE_INFINITY)
    this.#streamTime = time
  }

  get(key: K): E | undefined {
    return this.#slots.get(this.#id(key))?.entry
  }

  /** A key that is held already keeps its time. */
  put(key: K, time: number, entry: E): void {
    const id = this.#id(key)
    const held = this.#slots.get(id)
    const slot = { id, key, time: held?.time ?? time, entry, bytes: this.#measure(id, entry) }
    this.#changes.put(id, slot, held !== undefined)
    this.#set(slot)
  }

  /** The first in order. */
  first(): Suppressed<K, E> | undefined {
    return this.#order.minKey()
  }

  delete(key: K): void {
    const id = this.#id(key)
    const held = this.#slots.get(id)
    if (held === undefined) return
    this.#slots.delete(id)
    this.#order.delete(held)
    this.#bytes -= held.bytes
    this.#changes.delete(id)
  }

  takeChanges(): StoreChange[] {
    return this.#changes.take(slot => {
      if (slot === 'streamTime') return float64(this.#streamTime)
      return Buffer.concat([float64(slot.time), this.#entry.serialize(slot.entry)])
    })
  }

  /** Takes in a persisted entry. */
  load(persisted: Buffer, value: Buffer): void {
    const id = byteString(persisted)
    if (id === STREAM_TIME) {
      this.#streamTime = value.readDoubleBE()
      return
    }
    const entry = this.#entry.deserialize(value.subarray(8))
    const key = this.#key.deserialize(persisted.subarray(1))
    this.#set({ id, key, time: value.readDoubleBE(), entry, bytes: this.#measure(id, entry) })
  }

  /** Slots of one key have one place in the order, which finds the new one by the old. */
  #set(slot: Slot<K, E>): void {
    this.#bytes += slot.bytes - (this.#slots.get(slot.id)?.bytes ?? 0)
    this.#slots.set(slot.id, slot)
    this.#order.delete(slot)
    this.#order.set(slot, true)
  }

  #measure(id: string, entry: E): number {
    return this.#isMeasured ? id.length + this.#entry.serialize(entry).length : 0
  }

  #id(key: K): string {
    return ENTRY + byteString(this.#key.serialize(key))
  }
}

function float64(number: number): Buffer {
  const out = Buffer.allocUnsafe(8)
  out.writeDoubleBE(number)
  return out
}
