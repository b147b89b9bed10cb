/**
 * Registers a table of the lake in Glue: the columns as its files have them, a partition for each folder. Doing it again
 * changes nothing, and finishes what was cut off.
 *
 * A column that is new is added to the table. One that is gone, or has another type, is refused before anything is changed:
 * who reads the table would fail on old files, or lose what they hold.
 */
import { LakeError } from '../errors.ts'
import type { ObjectStore } from '../object-store.ts'
import { openStore } from '../open-store.ts'
import type { Catalog, CatalogPartition, CatalogTable } from './catalog.ts'
import type { Column } from './columns.ts'
import { type TableFiles, tableFiles } from './table-files.ts'

export interface Registered {
  readonly table: string
  readonly location: string
  readonly created: boolean
  readonly columnsAdded: readonly string[]
  readonly partitions: { readonly added: number; readonly changed: number; readonly removed: number }
}

/**
 * Registers several, one after the other.
 * @param places name of a table → where it is: `s3://bucket/prefix`
 * @throws LakeError as `registerTable`
 */
export async function registerTables(
  catalog: Catalog,
  places: ReadonlyMap<string, string>,
): Promise<Registered[]> {
  const registered: Registered[] = []
  for (const [name, place] of places) {
    const store = await openStore(place)
    try {
      registered.push(await registerTable(catalog, name, store))
    } finally {
      await store.close()
    }
  }
  return registered
}

/**
 * @param store at the table's place
 * @throws LakeError TABLE_…, PARQUET_INVALID, and what Glue and the store have to say
 */
export async function registerTable(catalog: Catalog, name: string, store: ObjectStore): Promise<Registered> {
  const files = await tableFiles(store)
  await catalog.prepare()
  const { table, created } = await tableOf(catalog, name, store.url, files)
  const added = checkTable(`${catalog.database}.${name}`, table, store.url, files)
  const columns = [...table.columns, ...added]
  if (added.length > 0) await catalog.update(table, columns)
  const partitions = await registerPartitions(catalog, { ...table, columns }, files)
  return {
    table: `${catalog.database}.${name}`,
    location: table.location,
    created,
    columnsAdded: added.map(column => column.name),
    partitions,
  }
}

async function tableOf(
  catalog: Catalog,
  name: string,
  location: string,
  { columns, keys }: TableFiles,
): Promise<{ table: CatalogTable; created: boolean }> {
  const before = await catalog.table(name)
  if (before !== undefined) return { table: before, created: false }
  // Another process may be the first.
  const created = await catalog.create({ name, location, columns, keys })
  const table = await catalog.table(name)
  if (table === undefined)
    throw new LakeError('TABLE_MISSING', `the table ${catalog.database}.${name} of Glue is gone again`)
  return { table, created }
}

/** @returns the columns that the table has not got yet */
function checkTable(
  title: string,
  table: CatalogTable,
  location: string,
  { columns, keys }: TableFiles,
): Column[] {
  if (table.location !== location)
    throw new LakeError(
      'TABLE_ELSEWHERE',
      `the table ${title} of Glue is at ${table.location}, not at ${location}`,
    )
  if (table.keys.join() !== keys.join())
    throw new LakeError(
      'TABLE_INCOMPATIBLE',
      `the table ${title} of Glue is partitioned by ${table.keys.join(', ') || 'nothing'}, its files by ${keys.join(', ') || 'nothing'}`,
    )
  const found = new Map(columns.map(column => [column.name, column.type]))
  for (const { name, type } of table.columns) {
    const now = found.get(name)
    if (now === type) continue
    const what = now === undefined ? 'is not in its files any more' : `is ${type}, and ${now} in its files`
    throw new LakeError('TABLE_INCOMPATIBLE', `the column ${name} of the table ${title} of Glue ${what}`)
  }
  return columns.filter(({ name }) => !table.columns.some(before => before.name === name))
}

async function registerPartitions(
  catalog: Catalog,
  { name, columns, location }: CatalogTable,
  files: TableFiles,
): Promise<Registered['partitions']> {
  if (files.keys.length === 0) return { added: 0, changed: 0, removed: 0 }
  const wanted = new Map(
    files.partitions.map(({ values, folder }): [string, CatalogPartition] => [
      JSON.stringify(values),
      { values, location: `${location}${folder}`, columns },
    ]),
  )
  const changed: CatalogPartition[] = []
  const removed: (readonly string[])[] = []
  for await (const partition of catalog.partitions(name)) {
    const id = JSON.stringify(partition.values)
    const found = wanted.get(id)
    if (found === undefined) removed.push(partition.values)
    else if (!isSame(partition, found)) changed.push(found)
    wanted.delete(id)
  }
  await catalog.addPartitions(name, [...wanted.values()])
  await catalog.updatePartitions(name, changed)
  await catalog.removePartitions(name, removed)
  return { added: wanted.size, changed: changed.length, removed: removed.length }
}

function isSame(a: CatalogPartition, b: CatalogPartition): boolean {
  const all = ({ location, columns }: CatalogPartition) => JSON.stringify([location, columns])
  return all(a) === all(b)
}
