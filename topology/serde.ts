/** How keys and values become bytes and back. */
export interface Serde<T> {
  /** For describe() and layout ids: changes when the bytes' meaning changes. */
  readonly name: string
  serialize(value: T): Buffer
  /**
   * Throws on bytes that are no `T`. What it throws may carry a promise `ready` (a schema must be fetched first):
   * the engine waits for it and calls again.
   */
  deserialize(bytes: Buffer): T
}

/** The promise that what `deserialize` threw may carry: call again after it. */
export function readyOf(error: unknown): Promise<void> | undefined {
  if (typeof error !== 'object' || error === null || !('ready' in error)) return undefined
  return error.ready instanceof Promise ? error.ready : undefined
}

/** UTF-8 text. */
export const string: Serde<string> = {
  name: 'string',
  serialize: value => Buffer.from(value, 'utf8'),
  deserialize: bytes => bytes.toString('utf8'),
}

/** Bytes as they are; a copy is made on reading, because the log hands out views. */
export const bytes: Serde<Buffer> = {
  name: 'bytes',
  serialize: value => value,
  deserialize: value => Buffer.from(value),
}

/** Whole numbers within ±2^53, as 8 bytes big-endian two's complement (Kafka's LongSerializer). */
export const long: Serde<number> = {
  name: 'long',
  serialize: value => {
    const out = Buffer.allocUnsafe(8)
    out.writeBigInt64BE(BigInt(value))
    return out
  },
  deserialize: value => {
    if (value.length !== 8) throw new RangeError(`a long has 8 bytes, not ${value.length}`)
    const number = Number(value.readBigInt64BE())
    if (!Number.isSafeInteger(number)) throw new RangeError('a long beyond ±2^53 cannot be read exactly')
    return number
  },
}

/** IEEE doubles, 8 bytes big-endian (Kafka's DoubleSerializer). */
export const double: Serde<number> = {
  name: 'double',
  serialize: value => {
    const out = Buffer.allocUnsafe(8)
    out.writeDoubleBE(value)
    return out
  },
  deserialize: value => {
    if (value.length !== 8) throw new RangeError(`a double has 8 bytes, not ${value.length}`)
    return value.readDoubleBE()
  },
}

/** JSON, unchecked: what another program wrote may not be a `T`. For trying things out; Avro is for topics that last. */
export function json<T>(): Serde<T> {
  return {
    name: 'json',
    serialize: value => Buffer.from(JSON.stringify(value), 'utf8'),
    deserialize: value => JSON.parse(value.toString('utf8')),
  }
}
