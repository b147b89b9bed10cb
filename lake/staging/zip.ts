/** The files of a zip archive (APPNOTE 6.3.10, with its 64-bit extensions), unpacked while they are read. */
import { PassThrough, type Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import yauzl, { type Entry, type ZipFile } from 'yauzl'
import { LakeError } from '../errors.ts'
import type { Source } from './source.ts'

export interface ArchiveEntry {
  /** A relative path with forward slashes. */
  readonly path: string
  /** Bytes, unpacked. */
  readonly size: number
  /** Bytes, packed. */
  readonly packedSize: number
  /** Of the unpacked bytes, as the archive's directory has it. */
  readonly crc32: number
  /** Bytes of it, from the first one. @throws LakeError ARCHIVE_INVALID where checksum or size differ */
  read(): AsyncIterable<Uint8Array>
}

export interface Archive {
  readonly entries: readonly ArchiveEntry[]
  close(): void
}

/** Archives with more files than this are refused: their directory is kept in memory. */
const ENTRIES_LIMIT = 100_000

/** Reads the archive's directory, which is at its end. @throws LakeError ARCHIVE_INVALID, and what the source throws */
export async function openArchive(source: Source): Promise<Archive> {
  const zip = await toldOf(source, () =>
    yauzl.fromRandomAccessReaderPromise(new Reader(source), source.size, { autoClose: false }),
  )
  try {
    if (zip.entryCount > ENTRIES_LIMIT)
      throw new LakeError('ARCHIVE_INVALID', `${source.name} has more than ${ENTRIES_LIMIT} files`)
    const entries = await toldOf(source, async () => {
      const found: ArchiveEntry[] = []
      for await (const entry of zip.eachEntry())
        if (!entry.fileName.endsWith('/')) found.push(entryOf(source, zip, entry))
      return found
    })
    return { entries, close: () => zip.close() }
  } catch (error) {
    zip.close()
    throw error
  }
}

function entryOf(source: Source, zip: ZipFile, entry: Entry): ArchiveEntry {
  const name = `${entry.fileName} in ${source.name}`
  return {
    path: entry.fileName,
    size: entry.uncompressedSize,
    packedSize: entry.compressedSize,
    crc32: entry.crc32,
    async *read() {
      if (entry.isEncrypted() || !entry.canDecodeFileData())
        throw new LakeError('ARCHIVE_ENTRY_UNSUPPORTED', `${name} is encrypted or packed in an unusual way`)
      const stream = await toldOf(source, () => zip.openReadStreamPromise(entry))
      let sum = 0
      const pieces = stream[Symbol.asyncIterator]()
      try {
        for (;;) {
          const piece = await toldOf(source, () => pieces.next())
          if (piece.done) break
          sum = crc32(piece.value, sum)
          yield piece.value
        }
      } finally {
        stream.destroy()
      }
      if (sum !== entry.crc32)
        throw new LakeError('ARCHIVE_INVALID', `${name} is damaged: its checksum (CRC-32) differs`)
    },
  }
}

/** What the reader of zip files throws is about the archive, unless the source has failed. */
async function toldOf<T>(source: Source, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof LakeError || (cause instanceof Error && cause.name === 'AbortError')) throw cause
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new LakeError('ARCHIVE_INVALID', `${source.name} cannot be unpacked: ${message}`, { cause })
  }
}

/** Bytes read ahead of a small read: the directory is read entry by entry, and a request for each would take long. */
const AHEAD = 256 << 10
const SMALL = 64 << 10

class Reader extends yauzl.RandomAccessReader {
  readonly #source: Source
  #ahead: { start: number; bytes: Promise<Buffer> } | undefined

  constructor(source: Source) {
    super()
    this.#source = source
  }

  override _readStreamForRange(start: number, end: number): Readable {
    const small = end - start <= SMALL
    const stream = new PassThrough()
    // What fails here ends the stream with the error, where it is read.
    pipeline(small ? this.#readAhead(start, end) : this.#source.read(start, end), stream).catch(() => {})
    return stream
  }

  async *#readAhead(start: number, end: number): AsyncGenerator<Uint8Array> {
    let held = this.#ahead
    if (held === undefined || start < held.start || end > held.start + AHEAD) {
      const bytes = buffer(this.#source.read(start, Math.min(start + AHEAD, this.#source.size)))
      // It is awaited below, and by others; a failure is forgotten, so that the next read tries again.
      bytes.catch(() => {
        if (this.#ahead?.bytes === bytes) this.#ahead = undefined
      })
      held = { start, bytes }
      this.#ahead = held
    }
    yield (await held.bytes).subarray(start - held.start, end - held.start)
  }
}
