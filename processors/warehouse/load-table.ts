/**
 * Brings a table of Glue into the warehouse. A partition whose files are those that were loaded is left as it is; of another
 * one the rows are replaced, and what they are of is written down, in one transaction. So a load that is cut anywhere goes on
 * where it was when it is run again, and nothing is twice.
 */

import { LakeError } from '../../lake/errors.ts'
import type { Catalog, CatalogTable } from '../../lake/glue/catalog.ts'
import { columnsOf } from '../../lake/glue/columns.ts'
import { folderFiles } from '../../lake/glue/table-files.ts'
import type { ObjectStore, ObjectSummary } from '../../lake/object-store.ts'
import { openParquet } from '../../lake/parquet-file.ts'
import { ApplicationError } from '../errors.ts'
import { type SqlSession, sqlTimestamp } from '../sinks/sql.ts'
import { changeLoad, filesId, forgetLoad, forgetLoads, type Load, loadsOf } from './loads-table.ts'
import { type LakeFile, quoted, type Warehouse, type WarehouseTable } from './warehouse.ts'

export interface LoadOptions {
  readonly catalog: Catalog
  readonly warehouse: Warehouse
  /** At a place of the lake. */
  readonly open: (location: string) => Promise<ObjectStore>
  readonly now: () => number
  /** Ends the load after the partition under way. */
  readonly signal: AbortSignal
  readonly onProgress: (done: number, total: number) => void
}

export interface LoadReport {
  readonly table: string
  /** Partitions; a table without keys is one. */
  readonly loaded: number
  /** Loaded before, by whichever process. */
  readonly unchanged: number
  /** Not in Glue any more; their rows are deleted. */
  readonly removed: number
  /** Rows that were loaded. */
  readonly rows: number
  /** Partitions that were not come to, because the signal was aborted. */
  readonly left: number
}

/** @throws LakeError TABLE_…, PARQUET_INVALID, AWS_…; ApplicationError SQL_…, WAREHOUSE_… */
export async function loadTable(name: string, options: LoadOptions): Promise<LoadReport> {
  const { catalog, warehouse, signal, onProgress } = options
  const entry = await catalog.table(name)
  if (entry === undefined)
    throw new LakeError('TABLE_MISSING', `there is no table ${catalog.database}.${name} in Glue`)
  const table: WarehouseTable = { name, keys: entry.keys, columns: entry.columns }
  const folders = await foldersOf(catalog, entry)
  await prepare(warehouse, table)
  const before = new Map(
    (await loadsOf(warehouse.sql, name)).map(load => [JSON.stringify(load.values), load]),
  )
  const store = await options.open(entry.location)
  const counts = { loaded: 0, unchanged: 0, removed: 0, rows: 0 }
  let done = 0
  try {
    for (const [id, folder] of folders) {
      if (signal.aborted) break
      const load = before.get(id) ?? { values: JSON.parse(id), files: '' }
      before.delete(id)
      const rows = await loadPartition(table, load, { store, folder }, options)
      if (rows === undefined) counts.unchanged++
      else counts.loaded++
      counts.rows += rows ?? 0
      onProgress(++done, folders.size)
    }
    if (!signal.aborted)
      for (const load of before.values()) if (await removePartition(table, load, options)) counts.removed++
  } finally {
    await store.close()
  }
  return { table: name, ...counts, left: folders.size - done }
}

/** By the JSON of their values. */
async function foldersOf(
  catalog: Catalog,
  { name, keys, location }: CatalogTable,
): Promise<Map<string, string>> {
  if (keys.length === 0) return new Map([['[]', '']])
  const folders = new Map<string, string>()
  for await (const partition of catalog.partitions(name)) {
    if (!partition.location.startsWith(location))
      throw new LakeError(
        'TABLE_FOLDERS_MIXED',
        `the partition ${partition.values.join('/')} of ${catalog.database}.${name} in Glue is at ${partition.location}, outside of ${location}`,
      )
    folders.set(JSON.stringify(partition.values), partition.location.slice(location.length))
  }
  return folders
}

/** Makes the tables, or adds the columns that are missing. @throws ApplicationError WAREHOUSE_TABLE_CHANGED */
async function prepare(warehouse: Warehouse, table: WarehouseTable): Promise<void> {
  const { sql } = warehouse
  await sql.transaction(async session => {
    const loads = await columnsIn(session, 'warehouse_loads')
    if (loads.size === 0) await session.query(warehouse.createLoads)
    const found = await columnsIn(session, table.name)
    if (found.size === 0) {
      for (const statement of warehouse.createTable(table)) await session.query(statement)
      // What was loaded into a table of this name went with it.
      return await forgetLoads(session, table.name)
    }
    for (const key of table.keys)
      if (!found.has(key)) throw changed(`${table.name} in ${sql.description} has no column ${key}`)
    for (const column of table.columns) {
      const { declared, told } = warehouse.typeOf(column)
      const now = found.get(column.name)
      if (now === undefined)
        await session.query(`alter table ${quoted(table.name)} add column ${quoted(column.name)} ${declared}`)
      else if (now !== told)
        throw changed(
          `the column ${column.name} of ${table.name} in ${sql.description} is ${now}, and ${column.type} in Glue`,
        )
    }
  })
}

/** Name → type. None of a table that is not there, which needs no right to make one to find out. */
async function columnsIn(session: SqlSession, table: string): Promise<Map<string, string>> {
  const { rows } = await session.query(
    `select column_name, data_type from information_schema.columns
where table_schema = current_schema() and table_name = $1`,
    [table],
  )
  return new Map(rows.map(row => [String(row.column_name), String(row.data_type).toLowerCase()]))
}

function changed(message: string): ApplicationError {
  return new ApplicationError('WAREHOUSE_TABLE_CHANGED', message)
}

/** @returns the rows loaded; undefined where there was nothing to do */
async function loadPartition(
  table: WarehouseTable,
  load: Load,
  { store, folder }: { readonly store: ObjectStore; readonly folder: string },
  { warehouse, now }: LoadOptions,
): Promise<number | undefined> {
  const files = await folderFiles(store, folder)
  const id = filesId(files)
  if (id === load.files) return undefined
  const opened = await Promise.all(files.map(file => openFile(table, store, file)))
  const rows = opened.reduce((sum, { metadata }) => sum + Number(metadata.num_rows), 0)
  const done = await warehouse.sql.transaction(async session => {
    for (const statement of warehouse.begin) await session.query(statement)
    await session.query(warehouse.enterLoad, [table.name, JSON.stringify(load.values), sqlTimestamp(now())])
    if (!(await changeLoad(session, table.name, load, { files: id, rows, at: now() }))) return false
    await deleteRows(session, table, load.values)
    await warehouse.append(session, table, { values: load.values, files: opened, store })
    if (filesId(await folderFiles(store, folder)) !== id)
      throw new ApplicationError(
        'WAREHOUSE_FILES_CHANGED',
        `${store.url}${folder} changed while it was loaded`,
      )
    return true
  })
  return done ? rows : undefined
}

async function openFile(
  table: WarehouseTable,
  store: ObjectStore,
  summary: ObjectSummary,
): Promise<LakeFile> {
  const { file, metadata } = await openParquet(store, summary)
  const columns = columnsOf(metadata)
  const types = new Map(table.columns.map(({ name, type }) => [name, type]))
  for (const { name, type } of columns) {
    const expected = types.get(name)
    if (expected === type) continue
    const what = expected === undefined ? 'not in Glue' : `${type}, and ${expected} in Glue`
    throw new LakeError(
      'TABLE_INCOMPATIBLE',
      `the column ${name} of ${store.url}${summary.key} is ${what}: ${table.name} has changed since it was registered`,
    )
  }
  return { file, metadata, columns, summary }
}

async function removePartition(
  table: WarehouseTable,
  load: Load,
  { warehouse, now }: LoadOptions,
): Promise<boolean> {
  return await warehouse.sql.transaction(async session => {
    for (const statement of warehouse.begin) await session.query(statement)
    if (!(await changeLoad(session, table.name, load, { files: '', rows: 0, at: now() }))) return false
    await deleteRows(session, table, load.values)
    await forgetLoad(session, table.name, load.values)
    return true
  })
}

async function deleteRows(
  session: SqlSession,
  { name, keys }: WarehouseTable,
  values: readonly string[],
): Promise<void> {
  const which = keys.map((key, i) => `${quoted(key)} = $${i + 1}`).join(' and ')
  await session.query(`delete from ${quoted(name)}${which && ` where ${which}`}`, values)
}
