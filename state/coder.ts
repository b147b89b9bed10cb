/** How a store's keys and values become bytes and back. */
export interface Coder<T> {
  /** Changes when the bytes' meaning changes: it is part of a store's layout. */
  readonly name: string
  /** What values were written as before, the oldest first; never shortened, since a value's place in it is written with it. */
  readonly previous?: readonly PreviousCoder<T>[]
  serialize(value: T): Buffer
  readonly deserialize: Deserialize<T>
}

/** Makes a value of bytes from `at` to before `end`. */
export type Read<T> = (bytes: Buffer, at: number, end: number) => T

export interface Deserialize<T> {
  (bytes: Buffer): T
  /** The same for bytes that lie among others: a view of each record's key and value would take time. */
  readonly read?: Read<T>
  /** The same for bytes as a byte string, where that is quicker to tell; undefined where it is not. */
  readonly ofByteString?: (text: string) => T | undefined
}

/**
 * A `deserialize` that also reads bytes where they lie. It is one property of one function, so that who replaces a coder's
 * `deserialize` by another replaces both.
 */
export function deserializing<T>(read: Read<T>): Deserialize<T> {
  return Object.assign((bytes: Buffer) => read(bytes, 0, bytes.length), { read })
}

/** How a coder reads bytes where they lie: also one that only reads bytes of their own. */
export function readerOf<T>(coder: Pick<Coder<T>, 'deserialize'>): Read<T> {
  return coder.deserialize.read ?? ((bytes, at, end) => coder.deserialize(bytes.subarray(at, end)))
}

/** A layout that is only read: what its bytes are now. */
export type PreviousCoder<T> = Pick<Coder<T>, 'name' | 'deserialize'>

/**
 * A string with one character per byte. Such strings compare as the bytes do, unsigned, and can be keys of maps, which
 * buffers cannot.
 */
export function byteString(bytes: Buffer, at = 0, end = bytes.length): string {
  return bytes.toString('latin1', at, end)
}

export function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** A whole number within ±2^53, as 8 bytes big-endian two's complement; without the detour of a bigint. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
}

/** The same back. @throws RangeError for what is no whole number within ±2^53 */
export function writeInt64(bytes: Buffer, value: number, at: number): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no whole number within ±2^53`)
  const high = Math.floor(value / 0x1_0000_0000)
  bytes.writeInt32BE(high, at)
  bytes.writeUInt32BE(value - high * 0x1_0000_0000, at + 4)
}
