/**
 * Batches decompressed: gzip, Snappy (google/snappy's format_description.txt, alone or framed as xerial's Java library does) and
 * LZ4 (lz4_Frame_format.md, lz4_Block_format.md). Our own, because the packages for Kafka's client believe what the bytes say:
 * they reserve as much memory as is claimed, go round for ever on a negative length, or end the process.
 *
 * Nothing is reserved that the bytes cannot fill, and no more than a limit is made of them. What is wrong with bytes is told by
 * an Error; the batch's checksum says whether they are what was written, so those within the formats are passed over.
 */
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'

/** Bytes that a batch may have when it is decompressed. A broker takes batches of one megabyte, compressed, unless told otherwise. */
const LIMIT = 128 << 20

const inflateGzip = promisify(gunzip)

/** By number in a batch's attributes. */
export const codecs: Readonly<Record<number, (bytes: Buffer) => Promise<Buffer> | Buffer>> = {
  1: bytes => inflateGzip(bytes, { maxOutputLength: LIMIT }),
  2: unsnappy,
  3: unlz4,
}

/** Bytes made one after the other, of which later ones repeat earlier ones. */
class Output {
  #bytes: Buffer
  length = 0

  constructor(size: number) {
    this.#bytes = Buffer.alloc(size)
  }

  append(from: Buffer, start: number, end: number): void {
    if (end > from.length) throw truncated()
    this.#reserve(end - start)
    from.copy(this.#bytes, this.length, start, end)
    this.length += end - start
  }

  /** What lies `distance` back, which may be less than `count`: then it is repeated. */
  repeat(distance: number, count: number, since = 0): void {
    if (distance < 1 || distance > this.length - since) throw new Error('a copy from before the beginning')
    this.#reserve(count)
    const bytes = this.#bytes
    const end = this.length + count
    if (distance >= count) bytes.copyWithin(this.length, this.length - distance, end - distance)
    else for (let to = this.length; to < end; to++) bytes[to] = bytes[to - distance]!
    this.length = end
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.length)
  }

  #reserve(count: number): void {
    const wanted = this.length + count
    if (wanted <= this.#bytes.length) return
    if (wanted > LIMIT) throw new Error(`it has more than ${LIMIT} bytes`)
    const longer = Buffer.alloc(Math.min(LIMIT, Math.max(wanted, 2 * this.#bytes.length)))
    this.#bytes.copy(longer, 0, 0, this.length)
    this.#bytes = longer
  }
}

const XERIAL = Buffer.from([130, 83, 78, 65, 80, 80, 89, 0])
/** Magic, version and compatible version. */
const XERIAL_HEADER = 16

function unsnappy(bytes: Buffer): Buffer {
  const output = new Output(2 * bytes.length)
  if (!bytes.subarray(0, XERIAL.length).equals(XERIAL)) snappyBlock(bytes, output)
  else {
    for (let at = XERIAL_HEADER; at < bytes.length; ) {
      if (at + 4 > bytes.length) throw truncated()
      const end = at + 4 + bytes.readUInt32BE(at)
      if (end > bytes.length) throw truncated()
      snappyBlock(bytes.subarray(at + 4, end), output)
      at = end
    }
  }
  return output.bytes
}

function snappyBlock(bytes: Buffer, output: Output): void {
  const begin = output.length
  let at = 0
  let claimed = 0
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[at++]
    if (byte === undefined || factor > 2 ** 28) throw new Error('no length at its beginning')
    claimed += (byte & 127) * factor
    if (byte < 128) break
  }
  while (at < bytes.length) {
    const tag = bytes[at++]!
    const kind = tag & 3
    if (kind === 0) {
      let length = tag >>> 2
      if (length >= 60) {
        const size = length - 59
        length = littleEndian(bytes, at, size)
        at += size
      }
      output.append(bytes, at, at + length + 1)
      at += length + 1
    } else if (kind === 1) {
      output.repeat(((tag >>> 5) << 8) | littleEndian(bytes, at, 1), ((tag >>> 2) & 7) + 4, begin)
      at += 1
    } else {
      const size = kind === 2 ? 2 : 4
      output.repeat(littleEndian(bytes, at, size), (tag >>> 2) + 1, begin)
      at += size
    }
  }
  const found = output.length - begin
  if (found !== claimed) throw new Error(`it has ${found} bytes and says ${claimed}`)
}

const LZ4_FRAME = 0x184d2204
/** Of a frame's flags. */
const lz4 = { version: 0xc0, blockChecksum: 0x10, contentSize: 8, contentChecksum: 4, dictionary: 1 }
const VERSION_1 = 0x40
/** Of a block's size: it is not compressed. */
const STORED = 0x80000000

function unlz4(bytes: Buffer): Buffer {
  const output = new Output(2 * bytes.length)
  for (let at = 0; at < bytes.length; ) {
    if (littleEndian(bytes, at, 4) !== LZ4_FRAME) throw new Error('no frame of LZ4')
    const flags = littleEndian(bytes, at + 4, 1)
    if ((flags & lz4.version) !== VERSION_1 || (flags & lz4.dictionary) !== 0)
      throw new Error('a frame of an unknown version, or with a dictionary')
    at += 7 + ((flags & lz4.contentSize) !== 0 ? 8 : 0)
    for (;;) {
      const size = littleEndian(bytes, at, 4)
      at += 4
      if (size === 0) break
      const end = at + (size % STORED)
      if (end > bytes.length) throw truncated()
      if (size >= STORED) output.append(bytes, at, end)
      else lz4Block(bytes.subarray(at, end), output)
      at = end + ((flags & lz4.blockChecksum) !== 0 ? 4 : 0)
    }
    at += (flags & lz4.contentChecksum) !== 0 ? 4 : 0
    if (at > bytes.length) throw truncated()
  }
  return output.bytes
}

function lz4Block(bytes: Buffer, output: Output): void {
  let at = 0
  const long = (nibble: number): number => {
    let length = nibble
    for (let byte = 255; length >= 15 && byte === 255; length += byte) byte = littleEndian(bytes, at++, 1)
    return length
  }
  while (at < bytes.length) {
    const token = bytes[at++]!
    const literals = long(token >>> 4)
    output.append(bytes, at, at + literals)
    at += literals
    if (at >= bytes.length) return // the last sequence has literals alone
    const distance = littleEndian(bytes, at, 2)
    at += 2
    output.repeat(distance, long(token & 15) + 4)
  }
}

function littleEndian(bytes: Buffer, at: number, size: number): number {
  if (at + size > bytes.length) throw truncated()
  return bytes.readUIntLE(at, size)
}

function truncated(): Error {
  return new Error('it ends too early')
}
