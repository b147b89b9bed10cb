/**
 * A table as it lies in the object store: Parquet files, perhaps in folders of partitions.
 *
 *     date=2026-01-31/hour=07/a.parquet        the partition (2026-01-31, 07) of the keys date and hour
 */
import { LakeError } from '../errors.ts'
import type { ObjectStore, ObjectSummary } from '../object-store.ts'
import { openParquet } from '../parquet-file.ts'
import { type Column, columnsOf } from './columns.ts'

export interface TablePartition {
  /** Of the table's keys, in their order; none for a table without partitions. */
  readonly values: readonly string[]
  /** Below the table's place; ends with a slash, unless it is the place itself. */
  readonly folder: string
  readonly files: readonly ObjectSummary[]
}

export interface TableFiles {
  /** Without the keys, which the folders say. */
  readonly columns: readonly Column[]
  /** Of the partitions: `date`, `hour`. */
  readonly keys: readonly string[]
  readonly partitions: readonly TablePartition[]
}

/**
 * What there is at a store's place; the columns are those of the newest file.
 * @throws LakeError TABLE_EMPTY, TABLE_FOLDERS_MIXED, TABLE_COLUMNS_ALIKE, PARQUET_INVALID
 */
export async function tableFiles(store: ObjectStore): Promise<TableFiles> {
  const partitions = new Map<string, ObjectSummary[]>()
  let newest: ObjectSummary | undefined
  for await (const file of store.list()) {
    if (!isData(file.key)) continue
    const folder = file.key.slice(0, file.key.lastIndexOf('/') + 1)
    const files = partitions.get(folder)
    if (files === undefined) partitions.set(folder, [file])
    else files.push(file)
    if (newest === undefined || file.modified >= newest.modified) newest = file
  }
  if (newest === undefined) throw new LakeError('TABLE_EMPTY', `${store.url} holds no Parquet file`)
  const columns = columnsOf((await openParquet(store, newest)).metadata)
  const keys = keysOf(newest.key)
  const twice = [...keys, ...columns.map(({ name }) => name)].find((name, i, all) => all.indexOf(name) !== i)
  if (twice !== undefined)
    throw new LakeError(
      'TABLE_COLUMNS_ALIKE',
      `${store.url} has the column ${twice} twice, upper and lower case being the same`,
    )
  const found = [...partitions].map(([folder, files]): TablePartition => {
    if (keysOf(folder).join() !== keys.join())
      throw new LakeError(
        'TABLE_FOLDERS_MIXED',
        `${store.url}${folder} is no folder of a table by ${keys.join(', ') || 'nothing'}`,
      )
    return { values: valuesOf(folder), folder, files }
  })
  return { columns, keys, partitions: found }
}

/** The files of one folder of a table. */
export async function folderFiles(store: ObjectStore, folder: string): Promise<ObjectSummary[]> {
  const files: ObjectSummary[] = []
  for await (const file of store.list(folder)) if (isData(file.key)) files.push(file)
  return files
}

/** As Spark sees it: what begins with an underscore or a dot is no data. */
function isData(key: string): boolean {
  return key.endsWith('.parquet') && !/(^|\/)[_.]/.test(key)
}

function keysOf(path: string): string[] {
  return path
    .split('/')
    .slice(0, -1)
    .map(name => name.split('=', 1)[0]!.toLowerCase())
}

/** Hive writes characters that a path cannot have as %XX, of their byte. */
function valuesOf(folder: string): string[] {
  return folder
    .split('/')
    .slice(0, -1)
    .map(name =>
      name
        .slice(name.indexOf('=') + 1)
        .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    )
}
