/** How a store's keys and values become bytes and back. */
export interface Coder<T> {
  /** Changes when the bytes' meaning changes: it is part of a store's layout. */
  readonly name: string
  /** What values were written as before, the oldest first; never shortened, since a value's place in it is written with it. */
  readonly previous?: readonly PreviousCoder<T>[]
  serialize(value: T): Buffer
  deserialize(bytes: Buffer): T
}

/** A layout that is only read: what its bytes are now. */
export type PreviousCoder<T> = Pick<Coder<T>, 'name' | 'deserialize'>

/**
 * A string with one character per byte. Such strings compare as the bytes do, unsigned, and can be keys of maps, which
 * buffers cannot.
 */
export function byteString(bytes: Buffer): string {
  return bytes.toString('latin1')
}

export function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** A whole number within ±2^53, as 8 bytes big-endian two's complement; without the detour of a bigint. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
}
