import { SchemaError } from '../errors.ts'
import { RecalledTexts } from '../recalled-texts.ts'

/** How many items that take no bytes (nulls) a value may claim in all its blocks; other counts are held by the bytes left. */
const WEIGHTLESS_ITEMS = 65_536

/**
 * Reads Avro's binary encoding (avro.apache.org/docs/1.12.0/specification/#binary-encoding) from one buffer.
 * Generated decoders call its methods in the order of the writer's schema. One input serves all decoders of a
 * thread: decoding is synchronous and calls no foreign code.
 */
export class Input {
  // Public for generated code, which keeps them in variables of its own where a call would take longer than the work.
  bytes: Buffer = Buffer.alloc(0)
  /** Of the whole ArrayBuffer: values of one fetch share it, so that a view serves many. */
  view: DataView = new DataView(new ArrayBuffer(0))
  /** Where `bytes` begins in `view`. */
  base = 0
  /** The next byte to be read, in `bytes`. */
  at = 0
  end = 0
  /** Items without bytes that were claimed so far. */
  #weightless = 0
  readonly #texts = new RecalledTexts()

  begin(bytes: Buffer, at: number, end: number): void {
    // The values of one fetched batch lie in the same bytes, and to ask for their buffer takes long.
    if (this.bytes !== bytes) {
      if (this.view.buffer !== bytes.buffer) this.view = new DataView(bytes.buffer)
      this.bytes = bytes
      this.base = bytes.byteOffset
    }
    this.at = at
    this.end = end
    this.#weightless = 0
    if (at < 0 || at > end) this.#truncated()
  }

  finish(): void {
    if (this.at === this.end) return
    throw new SchemaError(
      'AVRO_TRAILING',
      `${this.end - this.at} bytes follow the value that ends at byte ${this.at}`,
    )
  }

  boolean(): boolean {
    const byte = this.#byte()
    if (byte > 1) this.malformed(`a boolean is 0 or 1, not ${byte}`)
    return byte === 1
  }

  int(): number {
    const value = this.long()
    if (value !== (value | 0)) this.malformed('an int has more than 32 bits')
    return value
  }

  /** Exact within ±2^53; what lies beyond is refused, not rounded. */
  long(): number {
    let byte = this.#byte()
    if (byte < 128) return (byte >>> 1) ^ -(byte & 1)
    let low = byte & 127
    let shift = 7
    do {
      byte = this.#byte()
      low |= (byte & 127) << shift
      shift += 7
    } while (byte >= 128 && shift < 28)
    let magnitude = low >>> 1
    if (byte >= 128) {
      for (let factor = 2 ** 27, count = 4; byte >= 128; factor *= 128, count++) {
        if (count === 10) this.malformed('a number has more than 10 bytes')
        byte = this.#byte()
        magnitude += (byte & 127) * factor
      }
      if (magnitude > Number.MAX_SAFE_INTEGER - (low & 1))
        this.malformed('a long beyond ±2^53 cannot be read exactly')
    }
    if (byte === 0) this.malformed('a number is longer than it needs to be')
    return low & 1 ? -magnitude - 1 : magnitude
  }

  float(): number {
    const at = this.#take(4)
    return this.view.getFloat32(this.base + at, true)
  }

  double(): number {
    const at = this.at
    const next = at + 8
    if (next > this.end) this.#truncated()
    this.at = next
    return this.view.getFloat64(this.base + at, true)
  }

  string(): string {
    const length = this.#length()
    const at = this.#take(length)
    return this.#texts.read(this.bytes, at, at + length)
  }

  byteString(): Buffer {
    return this.fixed(this.#length())
  }

  fixed(size: number): Buffer {
    const at = this.#take(size)
    return Buffer.from(this.bytes.subarray(at, at + size))
  }

  /** The index of a union's branch or an enum's symbol. */
  index(count: number): number {
    // Nearly always one byte; half of all calls come here, so that case is taken first.
    const byte = this.at < this.end ? this.bytes[this.at]! : 255
    if (byte < 128 && (byte & 1) === 0 && byte >>> 1 < count) {
      this.at++
      return byte >>> 1
    }
    const index = this.long()
    if (index < 0 || index >= count) this.malformed(`index ${index} where there are ${count} choices`)
    return index
  }

  /** An enum's symbol; undefined in the table is a writer's symbol that the reader does not know. */
  symbol<S extends string>(table: readonly (S | undefined)[]): S {
    const index = this.index(table.length)
    const symbol = table[index]
    if (symbol === undefined) this.malformed(`the reader's enum lacks the writer's symbol ${index}`)
    return symbol
  }

  /**
   * The count of an array's or map's next block, 0 at its end. Each item takes at least `size` bytes, so that a
   * count is refused before anything is reserved for it.
   */
  block(size: number): number {
    let count = this.long()
    if (count < 0) {
      count = -count
      this.#length()
    }
    this.#limit(count, size)
    return count
  }

  /** The same for items that are not wanted: blocks that tell their size in bytes are jumped over. */
  skippedBlock(size: number): number {
    for (;;) {
      const count = this.long()
      if (count < 0) {
        this.#take(this.#length())
        continue
      }
      this.#limit(count, size)
      return count
    }
  }

  /** Passes over a string or bytes. */
  skipBytes(): void {
    this.#take(this.#length())
  }

  skipFixed(size: number): void {
    this.#take(size)
  }

  malformed(what: string): never {
    throw new SchemaError('AVRO_MALFORMED', `${what}, before byte ${this.at}`)
  }

  #limit(count: number, size: number): void {
    if (count * size > this.end - this.at) this.#truncated()
    if (size > 0) return
    this.#weightless += count
    if (this.#weightless > WEIGHTLESS_ITEMS) this.malformed(`${this.#weightless} items have no bytes`)
  }

  #byte(): number {
    if (this.at >= this.end) this.#truncated()
    return this.bytes[this.at++]!
  }

  #length(): number {
    const length = this.long()
    if (length < 0) this.malformed(`a length is not negative, but ${length}`)
    return length
  }

  /** Passes over `count` bytes and tells where they began. */
  #take(count: number): number {
    const at = this.at
    if (count > this.end - at) this.#truncated()
    this.at = at + count
    return at
  }

  #truncated(): never {
    throw new SchemaError('AVRO_TRUNCATED', `the value goes on beyond its ${this.end} bytes`)
  }
}

export const input = new Input()
