/** Amazon Redshift as a warehouse: it reads the Parquet files itself. */
import { createHash } from 'node:crypto'
import { redshiftCopy } from '../sinks/redshift-copy.ts'
import type { Sql, SqlTransaction } from '../sinks/sql.ts'
import {
  kindOf,
  type LakeFile,
  type LakePartition,
  quoted,
  type Warehouse,
  type WarehouseTable,
} from './warehouse.ts'

/** In the table's place, where readers of the table leave out what begins with an underscore. */
const MANIFESTS = '_loads'

/** Type of Hive → declared, as information_schema tells it. */
const types: Readonly<Record<string, readonly [string, string]>> = {
  boolean: ['boolean', 'boolean'],
  tinyint: ['smallint', 'smallint'],
  smallint: ['smallint', 'smallint'],
  int: ['integer', 'integer'],
  bigint: ['bigint', 'bigint'],
  float: ['real', 'real'],
  double: ['double precision', 'double precision'],
  date: ['date', 'date'],
  timestamp: ['timestamp', 'timestamp without time zone'],
  string: ['varchar(65535)', 'character varying'],
  binary: ['varbyte(65535)', 'binary varying'],
}
/** Lists, maps, structs. */
const nested = ['super', 'super'] as const

/** @param role for COPY: the ARN of one that may read the lake, or `default` */
export function redshiftWarehouse(sql: Sql, role: string): Warehouse {
  const typeOf: Warehouse['typeOf'] = column => {
    const [declared, told] =
      kindOf(column) === 'decimal' ? [column.type, 'numeric'] : (types[kindOf(column)] ?? nested)
    return { declared, told }
  }
  const declared = (columns: LakeFile['columns']) =>
    columns.map(column => `${quoted(column.name)} ${typeOf(column).declared}`)
  return {
    sql,
    // Without it the second of two loaders does not wait for the first, but fails; and both could enter the same partition.
    begin: ['lock warehouse_loads'],
    createLoads: `create table if not exists warehouse_loads (
  table_name varchar(255) not null,
  partition_values varchar(4096) not null,
  files varchar(64) not null,
  "rows" bigint not null,
  loaded_at timestamptz not null,
  primary key (table_name, partition_values)
)
diststyle all
sortkey (table_name)`,
    enterLoad: `insert into warehouse_loads (table_name, partition_values, files, "rows", loaded_at)
select cast($1 as varchar(255)), cast($2 as varchar(4096)), '', 0, cast($3 as timestamptz)
where not exists (select 1 from warehouse_loads where table_name = $1 and partition_values = $2)`,
    typeOf,
    createTable({ name, keys, columns }) {
      const all = [...keys.map(key => `${quoted(key)} varchar(1024) not null`), ...declared(columns)]
      const create = `create table if not exists ${quoted(name)} (\n  ${all.join(',\n  ')}\n)`
      // Partitions are replaced, and mostly asked for, by their keys.
      return [keys.length === 0 ? create : `${create}\ncompound sortkey (${keys.map(quoted).join(', ')})`]
    },
    async append(session, table, partition) {
      for (const files of alike(partition.files)) {
        const columns = files[0]?.columns ?? []
        await session.query(`create temp table warehouse_rows (\n  ${declared(columns).join(',\n  ')}\n)`)
        await copyFiles(session, files, partition, role)
        await session.query(insertRows(table, columns), partition.values)
        await session.query('drop table warehouse_rows')
      }
    },
  }
}

/** Files of the same columns, in the same order: by the order COPY tells them apart. */
function alike(files: readonly LakeFile[]): LakeFile[][] {
  const groups = new Map<string, LakeFile[]>()
  for (const file of files) {
    const id = JSON.stringify(file.columns)
    groups.set(id, [...(groups.get(id) ?? []), file])
  }
  return [...groups.values()]
}

/** Exactly these files, whatever else there is under their names. */
async function copyFiles(
  session: SqlTransaction,
  files: readonly LakeFile[],
  { store }: LakePartition,
  role: string,
): Promise<void> {
  const entries = files.map(({ summary: { key, size } }) => ({
    url: `${store.url}${key}`,
    mandatory: true,
    meta: { content_length: size },
  }))
  const manifest = JSON.stringify({ entries })
  const key = `${MANIFESTS}/${createHash('sha256').update(manifest).digest('hex')}.manifest`
  const columns = files[0]?.columns ?? []
  const copy = redshiftCopy({
    table: 'warehouse_rows',
    columns: columns.map(({ name }) => quoted(name)),
    from: `${store.url}${key}`,
    manifest: true,
    role,
    format: 'parquet',
    nested: columns.some(column => !(kindOf(column) in types) && kindOf(column) !== 'decimal'),
  })
  await store.put(key, Buffer.from(manifest))
  try {
    await session.query(copy)
  } finally {
    // What cannot be deleted does no harm: the same files have a manifest of the same name.
    await store.delete(key).catch(() => {})
  }
}

function insertRows({ name, keys }: WarehouseTable, columns: LakeFile['columns']): string {
  const own = columns.map(column => quoted(column.name))
  const values = keys.map((_, i) => `cast($${i + 1} as varchar(1024))`)
  return `insert into ${quoted(name)} (${[...keys.map(quoted), ...own].join(', ')})
select ${[...values, ...own].join(', ')} from warehouse_rows`
}
