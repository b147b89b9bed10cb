/** How a store's keys and values become bytes and back. */
export interface Coder<T> {
  /** Changes when the bytes' meaning changes: it is part of a store's layout. */
  readonly name: string
  serialize(value: T): Buffer
  deserialize(bytes: Buffer): T
}

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
