/** How keys and values become bytes and back. */
import { RecalledTexts } from '../schemas/recalled-texts.ts'
import { type Deserialize, deserializing, type PreviousCoder } from '../state/coder.ts'

export interface Serde<T> {
  /** For describe() and layout ids: changes when the bytes' meaning changes. */
  readonly name: string
  /** What stores wrote values as before: see `evolved`. */
  readonly previous?: readonly PreviousCoder<T>[]
  serialize(value: T): Buffer
  /**
   * Throws on bytes that are no `T`. What it throws may carry a promise `ready` (a schema must be fetched first):
   * the engine waits for it and calls again.
   */
  readonly deserialize: Deserialize<T>
  /** The part of a key's bytes by which it is partitioned, where it is written; all of them if absent. */
  partitionKey?(bytes: Buffer): Buffer
}

/** The promise that what `deserialize` threw may carry: call again after it. */
export function readyOf(error: unknown): Promise<void> | undefined {
  if (typeof error !== 'object' || error === null || !('ready' in error)) return undefined
  return error.ready instanceof Promise ? error.ready : undefined
}

/**
 * A serde for values in stores that had other bytes in earlier versions of the application. A store reads both, and
 * rewrites a value when it changes; a node of the earlier version leaves tasks with new values to others.
 * @param previous the oldest first. The list only grows: a value's place in it is written with the value.
 */
export function evolved<T>(serde: Serde<T>, previous: readonly PreviousCoder<T>[]): Serde<T> {
  return { ...serde, previous }
}

/** A serde of an earlier version, and what its values are now: for `evolved`. */
export function upgraded<A, T>(serde: Serde<A>, upgrade: (value: A) => T): PreviousCoder<T> {
  return { name: serde.name, deserialize: bytes => upgrade(serde.deserialize(bytes)) }
}

const texts = new RecalledTexts()

/** UTF-8 text. */
export const string: Serde<string> = {
  name: 'string',
  serialize: value => Buffer.from(value, 'utf8'),
  deserialize: Object.assign(
    deserializing((bytes, at, end) => texts.read(bytes, at, end)),
    // ASCII is the same in UTF-8 and in Latin-1.
    { ofByteString: (text: string) => (/[\x80-\xff]/.test(text) ? undefined : text) },
  ),
}

/** Bytes as they are; a copy is made on reading, because the log hands out views. */
export const bytes: Serde<Buffer> = {
  name: 'bytes',
  serialize: value => value,
  deserialize: deserializing((value, at, end) => {
    const copy = Buffer.allocUnsafe(end - at)
    value.copy(copy, 0, at, end)
    return copy
  }),
}

/** Whole numbers within ±2^53, as 8 bytes big-endian two's complement (Kafka's LongSerializer). */
export const long: Serde<number> = {
  name: 'long',
  serialize: value => {
    const out = Buffer.allocUnsafe(8)
    out.writeBigInt64BE(BigInt(value))
    return out
  },
  deserialize: deserializing((value, at, end) => {
    if (end - at !== 8) throw new RangeError(`a long has 8 bytes, not ${end - at}`)
    const number = Number(value.readBigInt64BE(at))
    if (!Number.isSafeInteger(number)) throw new RangeError('a long beyond ±2^53 cannot be read exactly')
    return number
  }),
}

/** IEEE doubles, 8 bytes big-endian (Kafka's DoubleSerializer). */
export const double: Serde<number> = {
  name: 'double',
  serialize: value => {
    const out = Buffer.allocUnsafe(8)
    out.writeDoubleBE(value)
    return out
  },
  deserialize: deserializing((value, at, end) => {
    if (end - at !== 8) throw new RangeError(`a double has 8 bytes, not ${end - at}`)
    return value.readDoubleBE(at)
  }),
}

/** JSON, unchecked: what another program wrote may not be a `T`. For trying things out; Avro is for topics that last. */
export function json<T>(): Serde<T> {
  return {
    name: 'json',
    serialize: value => Buffer.from(JSON.stringify(value), 'utf8'),
    deserialize: value => JSON.parse(value.toString('utf8')),
  }
}
