/**
 * Brings files into an object store: from the web or from disk, unpacked if they are in zip archives, never as a whole in
 * memory or on disk. Each file is written in parts, several at once, and beside it goes a receipt that says of which
 * source it is and under which upload its parts are found. So a run that was cut off at any point goes on: files that are there
 * are not read again, and parts that are there are not written again. What is stored plainly is read from the first part
 * missing; a packed file has to be unpacked from its beginning for that.
 */
import { basename } from 'node:path/posix'
import { z } from 'zod'
import { LakeError } from '../errors.ts'
import { type ObjectStore, PARTS_LIMIT } from '../object-store.ts'
import { openSource, type Source } from './source.ts'
import { openArchive } from './zip.ts'

export interface StageOptions {
  readonly store: ObjectStore
  /** Of the keys, such as `staging`. */
  readonly prefix: string
  readonly signal: AbortSignal
  /** Files at a time; 4 if not given. */
  readonly files?: number
  /** Bytes of a part at least; 16 MiB if not given. */
  readonly partSize?: number
  readonly onProgress?: (progress: StageProgress) => void
}

export interface StageProgress {
  /** Bytes of all files, unpacked; grows while archives are opened. */
  readonly total: number
  /** Bytes that are in the store, those of earlier runs among them. */
  readonly done: number
  /** Bytes written by this run. */
  readonly written: number
  readonly files: { readonly total: number; readonly done: number }
}

export interface StageReport extends StageProgress {
  readonly failures: readonly { readonly source: string; readonly error: LakeError }[]
}

/** Parts of one file under way at once. */
const PARTS_AT_ONCE = 3
const FILES_AT_ONCE = 4
const PART_SIZE = 16 << 20

/** Below the prefix; Spark leaves out what begins with an underscore. */
const RECEIPTS = '_receipts'

/** A file to stage: where it goes, and how it is read. */
interface Item {
  readonly source: string
  /** Below the prefix. */
  readonly path: string
  readonly size: number
  /** Tells these contents from others. */
  readonly identity: string
  /** From a byte on; a packed one begins at 0 whatever is asked. */
  readonly read: (start: number) => { readonly start: number; readonly bytes: AsyncIterable<Uint8Array> }
}

const receiptFormat = z.object({
  identity: z.string(),
  partSize: z.int().positive(),
  /** While it is being written. */
  upload: z.string().optional(),
  /** When the object that the upload replaces was written; 0 if there was none. */
  replaces: z.number(),
})
type Receipt = z.infer<typeof receiptFormat>

/**
 * @param locations paths or URLs; a zip archive stands for the files in it
 * @returns what was done, and what failed; a failure of one file does not keep the others from being staged
 * @throws LakeError what the store has to say, if it fails altogether; the signal's reason
 */
export async function stage(locations: readonly string[], options: StageOptions): Promise<StageReport> {
  const { signal, onProgress } = options
  const progress = { total: 0, done: 0, written: 0, files: { total: 0, done: 0 } }
  const failures: { source: string; error: LakeError }[] = []
  const failed = (source: string, error: unknown) => {
    signal.throwIfAborted()
    if (!(error instanceof LakeError) || /^(S3|AWS)_/.test(error.code)) throw error
    failures.push({ source, error })
  }
  const advance = (done: number, written: number) => {
    progress.done += done
    progress.written += written
    onProgress?.(progress)
  }
  const closes: (() => void)[] = []
  try {
    const items: Item[] = []
    for (const location of locations) {
      try {
        items.push(...(await itemsOf(location, options, closes)))
      } catch (error) {
        failed(location, error)
      }
    }
    const paths = new Set<string>()
    for (const { path, source } of items) {
      if (paths.has(path))
        throw new LakeError('SOURCE_TWICE', `${source} would be ${path}, and so would another`)
      paths.add(path)
    }
    progress.total = items.reduce((sum, { size }) => sum + size, 0)
    progress.files.total = items.length
    await eachOf(items, options.files ?? FILES_AT_ONCE, async item => {
      try {
        await stageOne(item, options, advance)
        progress.files.done++
        onProgress?.(progress)
      } catch (error) {
        failed(item.source, error)
      }
    })
  } finally {
    for (const close of closes) close()
  }
  return { ...progress, failures }
}

async function itemsOf(location: string, options: StageOptions, closes: (() => void)[]): Promise<Item[]> {
  const source = await openSource(location, { signal: options.signal })
  const name = basename(source.name.replaceAll('\\', '/'))
  if (!/\.zip$/i.test(name)) return [plainItem(source, name)]
  const archive = await openArchive(source)
  closes.push(archive.close)
  return archive.entries
    .filter(({ path }) => !isLitter(path))
    .map(entry => ({
      source: `${source.name}: ${entry.path}`,
      path: `${name.slice(0, -4)}/${entry.path}`,
      size: entry.size,
      identity: `${source.version} ${entry.crc32.toString(16)} ${entry.path}`,
      read: () => ({ start: 0, bytes: entry.read() }),
    }))
}

function plainItem(source: Source, path: string): Item {
  const { name, size, version } = source
  const read = (start: number) => ({ start, bytes: source.read(start, size) })
  return { source: name, path, size, identity: version, read }
}

/** What archivers of some systems add. */
function isLitter(path: string): boolean {
  return path.startsWith('__MACOSX/') || /(^|\/)(\.DS_Store|Thumbs\.db|\._[^/]*)$/.test(path)
}

async function stageOne(
  item: Item,
  options: StageOptions,
  advance: (done: number, written: number) => void,
): Promise<void> {
  const { store, prefix } = options
  const { path, size, identity } = item
  const key = `${prefix}/${path}`
  const receiptKey = `${prefix}/${RECEIPTS}/${path}.json`
  const found = await store.stat(key)
  const receipt = await readReceipt(store, receiptKey)
  // Completed, whether or not the receipt came to say so: then the upload is gone, and the object is another than before.
  const parts = receipt?.upload === undefined ? undefined : await store.uploads.finished(key, receipt.upload)
  const completed = parts === undefined && found !== undefined && found.modified !== receipt?.replaces
  if (receipt?.identity === identity && completed && found.size === size) {
    if (receipt.upload !== undefined) await writeReceipt(store, receiptKey, { ...receipt, upload: undefined })
    return advance(size, 0)
  }
  if (receipt?.upload !== undefined && receipt.identity !== identity)
    await store.uploads.abandon(key, receipt.upload)

  const goesOn = receipt?.identity === identity && parts !== undefined
  const partSize = goesOn ? receipt.partSize : partSizeFor(size, options.partSize ?? PART_SIZE)
  const upload = goesOn && receipt.upload ? receipt.upload : await store.uploads.begin(key)
  const begun: Receipt = { identity, partSize, upload, replaces: found?.modified ?? 0 }
  if (!goesOn) await writeReceipt(store, receiptKey, begun)
  try {
    await writeParts(item, key, upload, partSize, goesOn ? parts : new Map(), options, advance)
  } catch (error) {
    // The parts are of a damaged file, or of two: the next run must not go on with them.
    if (error instanceof LakeError && ['ARCHIVE_INVALID', 'SOURCE_CHANGED'].includes(error.code)) {
      await store.uploads.abandon(key, upload)
      await store.delete(receiptKey)
    }
    throw error
  }
  await store.uploads.complete(key, upload)
  await writeReceipt(store, receiptKey, { ...begun, upload: undefined })
}

/** Reads the file and writes the parts that are missing. An empty file has one empty part. */
async function writeParts(
  item: Item,
  key: string,
  upload: string,
  partSize: number,
  finished: ReadonlyMap<number, number>,
  { store, signal }: StageOptions,
  advance: (done: number, written: number) => void,
): Promise<void> {
  const { size } = item
  const count = Math.max(1, Math.ceil(size / partSize))
  const lengthOf = (part: number) => Math.min(partSize, size - (part - 1) * partSize)
  const isFinished = (part: number) => finished.get(part) === lengthOf(part)
  let first = 1
  while (first <= count && isFinished(first)) advance(lengthOf(first++), 0)
  if (first > count) return

  const underWay = new Set<Promise<void>>()
  const write = async (part: number, bytes: Uint8Array): Promise<void> => {
    if (isFinished(part)) return part >= first ? advance(bytes.length, 0) : undefined
    while (underWay.size >= PARTS_AT_ONCE) await Promise.race(underWay)
    const writing = store.uploads
      .put(key, upload, part, bytes)
      .then(() => advance(bytes.length, bytes.length))
      .finally(() => underWay.delete(writing))
    underWay.add(writing)
    // Whoever waits for one of them learns of its failure; until then it is nobody's.
    writing.catch(() => {})
  }

  const { start, bytes } = item.read((first - 1) * partSize)
  let position = start
  let part = Math.floor(start / partSize) + 1
  let buffer = Buffer.allocUnsafe(lengthOf(part))
  let filled = 0
  try {
    for await (const piece of bytes) {
      signal.throwIfAborted()
      for (let taken = 0; taken < piece.length; ) {
        if (part > count)
          throw new LakeError(
            'SOURCE_CHANGED',
            `${item.source} has more than the ${size} bytes it should have`,
          )
        const some = piece.subarray(taken, taken + buffer.length - filled)
        buffer.set(some, filled)
        filled += some.length
        taken += some.length
        position += some.length
        if (filled < buffer.length) continue
        await write(part++, buffer)
        filled = 0
        if (part <= count) buffer = Buffer.allocUnsafe(lengthOf(part))
      }
    }
    if (size === 0) await write(1, buffer)
    if (position !== size)
      throw new LakeError('SOURCE_CHANGED', `${item.source} has ${position} bytes instead of ${size}`)
    await Promise.all(underWay)
  } finally {
    await Promise.allSettled(underWay)
  }
}

/** So large that a file of this size has no more parts than are allowed. */
function partSizeFor(size: number, least: number): number {
  return Math.max(least, Math.ceil(size / PARTS_LIMIT))
}

async function readReceipt(store: ObjectStore, key: string): Promise<Receipt | undefined> {
  if ((await store.stat(key)) === undefined) return undefined
  const text = String(await store.get(key, { limit: 64 << 10 }))
  try {
    return receiptFormat.parse(JSON.parse(text))
  } catch {
    // Something else under this name, or another version's: the file is staged anew.
    return undefined
  }
}

async function writeReceipt(store: ObjectStore, key: string, receipt: Receipt): Promise<void> {
  await store.put(key, Buffer.from(JSON.stringify(receipt)))
}

/** Runs the work on every item, so many at a time; the first failure ends it. */
async function eachOf<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = items[Symbol.iterator]()
  const workers = Array.from({ length: Math.min(atOnce, items.length) }, async () => {
    for (const item of left) await work(item)
  })
  const results = await Promise.allSettled(workers)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
