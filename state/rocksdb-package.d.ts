/** What `rocksdb.ts` uses of the package, which ships no types. It answers in callbacks; batches are atomic. */
declare module 'rocksdb' {
  export type Callback<T = void> = (error: Error | null, value: T) => void

  export type BatchOperation =
    | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer }
    | { readonly type: 'del'; readonly key: Buffer }

  /** Filled, then written at once; the bytes are copied by each call. */
  export interface ChainedBatch {
    put(key: Buffer, value: Buffer): this
    del(key: Buffer): this
    write(callback: Callback): void
  }

  export interface Iterator {
    /** Without a key: the end is reached. Its promise form is not used: it allocates an array per entry. */
    next(callback: (error: Error | null, key?: Buffer, value?: Buffer) => void): void
    /** What was read ahead: value, key, value, key …, the next entry's key last. */
    readonly cache: Buffer[] | null
    end(callback: Callback): void
  }

  export interface Options {
    readonly createIfMissing?: boolean
    readonly errorIfExists?: boolean
    /** Bytes of the block cache. */
    readonly cacheSize?: number
    /** Bytes of the memtable. */
    readonly writeBufferSize?: number
  }

  export default class RocksDB {
    constructor(location: string)
    open(options: Options, callback: Callback): void
    close(callback: Callback): void
    getMany(keys: readonly Buffer[], callback: Callback<(Buffer | undefined)[]>): void
    batch(): ChainedBatch
    batch(operations: readonly BatchOperation[], callback: Callback): void
    clear(callback: Callback): void
    clear(range: { readonly gte: Buffer; readonly lt: Buffer }, callback: Callback): void
    getProperty(name: string): string
    /** A consistent view as of the call. */
    iterator(range: { readonly gte: Buffer; readonly lt: Buffer; readonly highWaterMark?: number }): Iterator
    static destroy(location: string, callback: Callback): void
  }
}
