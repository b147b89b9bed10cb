/** What a resident store must persist at the next commit: one entry per persisted key, whatever happened to it since the last. */
import { bytesOf } from './coder.ts'
import type { StoreChange } from './store.ts'

export class Changes<E> {
  /** By persisted key, as a byte string, in the order of their first change. */
  #touched = new Map<string, { entry: E | undefined; readonly persisted: boolean }>()

  /** `existed`: whether the store had an entry of this key before. If it is not noted here, it is persisted. */
  put(id: string, entry: E, existed: boolean): void {
    const touched = this.#touched.get(id)
    if (touched === undefined) this.#touched.set(id, { entry, persisted: existed })
    else touched.entry = entry
  }

  /** Of an entry that existed. What came and went between two commits leaves no trace. */
  delete(id: string): void {
    const touched = this.#touched.get(id)
    if (touched === undefined) this.#touched.set(id, { entry: undefined, persisted: true })
    else if (touched.persisted) touched.entry = undefined
    else this.#touched.delete(id)
  }

  /** What changed since the last call. Values become bytes here, so an overwritten one never does. */
  take(encode: (entry: E) => Buffer): StoreChange[] {
    const changes: StoreChange[] = []
    for (const [id, { entry }] of this.#touched)
      changes.push({ key: bytesOf(id), value: entry === undefined ? null : encode(entry) })
    this.#touched = new Map()
    return changes
  }
}
