/** What an archive holds, and what it should: for tests. */
import { parquetReadObjects } from 'hyparquet'
import type { ObjectStore } from '../../../lake/object-store.ts'
import { SensorReading } from '../../../schemas/index.ts'
import { type Log, RecordCursor } from '../../../topology/index.ts'

const nothing = Object.fromEntries(
  (SensorReading.schema as { fields: { name: string }[] }).fields.map(({ name }) => [name, null]),
)

/** A reading of which all other cells are missing. */
export function readingOf(
  cells: Partial<SensorReading> & Pick<SensorReading, 'deviceId' | 'stamp'>,
): SensorReading {
  return { ...nothing, ...cells } as SensorReading
}

export interface ArchivedRow {
  readonly offset: bigint
  readonly [column: string]: unknown
}

/** The rows of each file, by its key. */
export async function archivedRows(store: ObjectStore): Promise<Map<string, ArchivedRow[]>> {
  const files = new Map<string, ArchivedRow[]>()
  for await (const { key } of store.list('data/')) {
    const file = Uint8Array.from(await store.get(key)).buffer
    files.set(key, (await parquetReadObjects({ file, utf8: false })) as ArchivedRow[])
  }
  return files
}

/** The offsets in the files of a partition, in order. */
export async function archivedOffsets(store: ObjectStore, partition: number): Promise<number[]> {
  const rows = [...(await archivedRows(store))]
    .filter(([key]) => key.includes(`-${partition}-0`))
    .flatMap(([, rows]) => rows)
  return rows.map(({ offset }) => Number(offset)).sort((a, b) => a - b)
}

/** What a reader of the log gets below the last full file of a partition. */
export async function offsetsToArchive(
  log: Log,
  topic: string,
  partition: number,
  offsetsPerFile: number,
): Promise<number[]> {
  const bounds = (await log.admin.offsets(topic)).find(each => each.partition === partition)
  const { end = 0, start = 0 } = bounds ?? {}
  const full = Math.floor(end / offsetsPerFile) * offsetsPerFile
  const reader = await log.reader({ clientId: 'expected' })
  reader.seek({ topic, partition }, start)
  const offsets: number[] = []
  for (let position = start; position < full; ) {
    for (const batch of await reader.poll(100)) {
      const cursor = new RecordCursor().reset(batch, position)
      while (cursor.next()) if (cursor.offset < full) offsets.push(cursor.offset)
      position = batch.lastOffset + 1
    }
  }
  await reader.close()
  return offsets
}
