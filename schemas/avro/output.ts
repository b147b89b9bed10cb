import { SchemaError } from '../errors.ts'

/** A buffer that grew beyond this for one large value is not kept. */
const KEPT_BYTES = 1 << 20

/**
 * Writes Avro's binary encoding into a buffer that grows and is used again. Generated encoders call its methods;
 * each checks its value and names the field in its error. One output serves all encoders of a thread: encoding is
 * synchronous and calls no foreign code.
 */
export class Output {
  #bytes: Buffer = Buffer.allocUnsafe(1024)
  #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length)
  #at = 0

  begin(headroom: number): void {
    if (this.#bytes.length > KEPT_BYTES) this.#replace(Buffer.allocUnsafe(1024))
    this.#at = 0
    this.#reserve(headroom)
    this.#at = headroom
  }

  /** What was written since `begin`, as a copy. */
  finish(): Buffer {
    const out = Buffer.allocUnsafe(this.#at)
    this.#bytes.copy(out, 0, 0, this.#at)
    return out
  }

  boolean(value: boolean, field: string): void {
    if (typeof value !== 'boolean') this.wrong(field, 'a boolean', value)
    this.#reserve(1)
    this.#bytes[this.#at++] = value ? 1 : 0
  }

  int(value: number, field: string): void {
    if (typeof value !== 'number' || (value | 0) !== value)
      this.wrong(field, 'a whole number of 32 bits', value)
    this.#varint(value)
  }

  long(value: number, field: string): void {
    if (!Number.isSafeInteger(value)) this.wrong(field, 'a whole number within ±2^53', value)
    this.#varint(value)
  }

  float(value: number, field: string): void {
    if (typeof value !== 'number') this.wrong(field, 'a number', value)
    this.#reserve(4)
    this.#view.setFloat32(this.#at, value, true)
    this.#at += 4
  }

  double(value: number, field: string): void {
    if (typeof value !== 'number') this.wrong(field, 'a number', value)
    this.#reserve(8)
    this.#view.setFloat64(this.#at, value, true)
    this.#at += 8
  }

  string(value: string, field: string): void {
    if (typeof value !== 'string') this.wrong(field, 'a string', value)
    const length = value.length
    // Short ASCII text, which is most of it, is written here: a call into native code takes longer.
    if (length < 64) {
      this.#reserve(1 + length)
      const bytes = this.#bytes
      const start = this.#at
      bytes[start] = length << 1
      let i = 0
      for (; i < length; i++) {
        const code = value.charCodeAt(i)
        if (code >= 128) break
        bytes[start + 1 + i] = code
      }
      if (i === length) {
        this.#at = start + 1 + length
        return
      }
    }
    const size = Buffer.byteLength(value)
    this.#varint(size)
    this.#reserve(size)
    this.#at += this.#bytes.write(value, this.#at, 'utf8')
  }

  bytes(value: Uint8Array, field: string): void {
    if (!(value instanceof Uint8Array)) this.wrong(field, 'bytes', value)
    this.#varint(value.length)
    this.#append(value)
  }

  fixed(value: Uint8Array, size: number, field: string): void {
    if (!(value instanceof Uint8Array) || value.length !== size) this.wrong(field, `${size} bytes`, value)
    this.#append(value)
  }

  symbol(value: string, symbols: readonly string[], field: string): void {
    const index = symbols.indexOf(value)
    if (index < 0) this.wrong(field, `one of ${symbols.join(', ')}`, value)
    this.#varint(index)
  }

  /** A union's branch, or the count of a block: trusted, not checked. */
  index(value: number): void {
    this.#varint(value)
  }

  /** Begins an array's only block; an empty array has none. */
  array(value: readonly unknown[], field: string): void {
    if (!Array.isArray(value)) this.wrong(field, 'an array', value)
    if (value.length > 0) this.#varint(value.length)
  }

  /** Begins a map's only block, and gives its keys. */
  map(value: Readonly<Record<string, unknown>>, field: string): readonly string[] {
    this.record(value, field)
    const keys = Object.keys(value)
    if (keys.length > 0) this.#varint(keys.length)
    return keys
  }

  record(value: object, field: string): void {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      this.wrong(field, 'an object', value)
  }

  wrong(field: string, wanted: string, value: unknown): never {
    throw new SchemaError('AVRO_VALUE', `${field} must be ${wanted}, not ${shown(value)}`)
  }

  #varint(value: number): void {
    this.#reserve(10)
    const bytes = this.#bytes
    let at = this.#at
    if (value >= -(2 ** 30) && value < 2 ** 30) {
      let rest = ((value << 1) ^ (value >> 31)) >>> 0
      while (rest >= 128) {
        bytes[at++] = (rest & 127) | 128
        rest >>>= 7
      }
      bytes[at++] = rest
    } else {
      // Zig-zag coded a whole number may need 54 bits, one more than a double has: its last seven bits go first.
      const magnitude = value < 0 ? -value - 1 : value
      bytes[at++] = ((magnitude % 64) << 1) | (value < 0 ? 1 : 0) | 128
      let rest = Math.floor(magnitude / 64)
      while (rest >= 128) {
        bytes[at++] = (rest % 128) | 128
        rest = Math.floor(rest / 128)
      }
      bytes[at++] = rest
    }
    this.#at = at
  }

  #append(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + count))
    this.#bytes.copy(grown, 0, 0, this.#at)
    this.#replace(grown)
  }

  #replace(bytes: Buffer): void {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return String(value)
}

export const output = new Output()
