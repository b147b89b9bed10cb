/**
 * Kafka's primitive types (kafka.apache.org/protocol#protocol_types). "Flexible" versions of requests write strings and
 * arrays compactly, with their length + 1 as an unsigned varint, and end every structure with tagged fields.
 */

/** Builds a request. */
export class Writer {
  readonly #parts: Buffer[] = []

  int8(value: number): this {
    return this.bytes(Buffer.of(value & 255))
  }

  int16(value: number): this {
    const part = Buffer.allocUnsafe(2)
    part.writeInt16BE(value)
    return this.bytes(part)
  }

  int32(value: number): this {
    const part = Buffer.allocUnsafe(4)
    part.writeInt32BE(value)
    return this.bytes(part)
  }

  int64(value: number | bigint): this {
    const part = Buffer.allocUnsafe(8)
    part.writeBigInt64BE(BigInt(value))
    return this.bytes(part)
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1)
    const text = Buffer.from(value, 'utf8')
    return this.int16(text.length).bytes(text)
  }

  array<T>(items: readonly T[], write: (item: T) => void): this {
    this.int32(items.length)
    items.forEach(write)
    return this
  }

  compactString(value: string): this {
    const text = Buffer.from(value, 'utf8')
    return this.unsignedVarint(text.length + 1).bytes(text)
  }

  compactArray<T>(items: readonly T[], write: (item: T) => void): this {
    this.unsignedVarint(items.length + 1)
    items.forEach(write)
    return this
  }

  noTags(): this {
    return this.int8(0)
  }

  unsignedVarint(value: number): this {
    const part: number[] = []
    for (; value >= 128; value >>>= 7) part.push((value & 127) | 128)
    part.push(value)
    return this.bytes(Buffer.from(part))
  }

  bytes(part: Buffer): this {
    this.#parts.push(part)
    return this
  }

  build(): Buffer {
    return Buffer.concat(this.#parts)
  }
}

/** Reads an answer. */
export class Scanner {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int8(): number {
    this.#at += 1
    return this.#bytes.readInt8(this.#at - 1)
  }

  int16(): number {
    this.#at += 2
    return this.#bytes.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  /** Exact below 2^53. */
  int64(): number {
    this.#at += 8
    return this.#bytes.readInt32BE(this.#at - 8) * 4294967296 + this.#bytes.readUInt32BE(this.#at - 4)
  }

  string(): string {
    return this.bytes(this.int16()).toString('utf8')
  }

  array<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, read)
  }

  compactString(): string | null {
    const length = this.unsignedVarint() - 1
    return length < 0 ? null : this.bytes(length).toString('utf8')
  }

  compactArray<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.unsignedVarint() - 1) }, read)
  }

  skipTags(): void {
    for (let count = this.unsignedVarint(); count > 0; count--) {
      this.unsignedVarint()
      this.bytes(this.unsignedVarint())
    }
  }

  unsignedVarint(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.int8()
      value |= (byte & 127) << shift
      if (byte >= 0) return value >>> 0
    }
  }

  /** A view, not a copy. */
  bytes(length: number): Buffer {
    const start = this.#at
    this.#at += Math.max(0, length)
    if (this.#at > this.#bytes.length) throw new RangeError('the answer is shorter than it says')
    return this.#bytes.subarray(start, this.#at)
  }
}
