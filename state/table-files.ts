/**
 * Checksums of RocksDB's table files, because the package scans without verifying the blocks' own: a damaged block
 * gives wrong entries, or aborts the process by an assertion. Table files never change once written, so a sum per file,
 * kept beside them, tells before anything is read. A file not yet in the list is taken as it is.
 */
import { open, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { StateError } from './errors.ts'

const LIST = 'TABLES'
/** The last 8 bytes of a complete table file (block_based_table_builder.cc, little-endian). */
const FOOTER = 0x88e241b785f4cff7n
const CHUNK_BYTES = 1 << 20

/** Compares the table files with the list. To be called before RocksDB opens them. @throws StateError STATE_CORRUPT */
export async function verifyTables(location: string): Promise<void> {
  for (const [name, expected] of await readList(location)) {
    const sum = await sumOf(join(location, name))
    // A file that is gone was removed by RocksDB after the list was written, or RocksDB will miss it.
    if (sum !== undefined && sum !== expected) {
      throw new StateError('STATE_CORRUPT', `table file ${name} is not what was written`)
    }
  }
}

/** Adds the table files that RocksDB has completed since, and leaves out those it has removed. */
export async function recordTables(location: string): Promise<void> {
  const known = await readList(location)
  const sums = new Map<string, number>()
  for (const name of await tableNames(location)) {
    const path = join(location, name)
    const sum = known.get(name) ?? ((await isComplete(path)) ? await sumOf(path) : undefined)
    if (sum !== undefined) sums.set(name, sum)
  }
  await writeList(location, sums)
}

/** Undefined for a file that is not there. */
async function sumOf(path: string): Promise<number | undefined> {
  const file = await open(path).catch(() => undefined)
  if (file === undefined) return undefined
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES)
    let sum = 0
    while (true) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, null)
      if (bytesRead === 0) return sum
      sum = crc32(chunk.subarray(0, bytesRead), sum)
    }
  } finally {
    await file.close()
  }
}

/** Whether RocksDB has written the file to its end. */
async function isComplete(path: string): Promise<boolean> {
  const file = await open(path).catch(() => undefined)
  if (file === undefined) return false
  try {
    const { size } = await file.stat()
    const end = Buffer.alloc(8)
    await file.read(end, 0, 8, Math.max(0, size - 8))
    return end.readBigUInt64LE() === FOOTER
  } finally {
    await file.close()
  }
}

async function tableNames(location: string): Promise<string[]> {
  return (await readdir(location)).filter(name => name.endsWith('.sst'))
}

async function readList(location: string): Promise<Map<string, number>> {
  try {
    return new Map(Object.entries(JSON.parse(await readFile(join(location, LIST), 'utf8'))))
  } catch {
    return new Map() // a new database
  }
}

async function writeList(location: string, sums: ReadonlyMap<string, number>): Promise<void> {
  const path = join(location, LIST)
  await writeFile(`${path}.new`, JSON.stringify(Object.fromEntries(sums)))
  await rename(`${path}.new`, path)
}
