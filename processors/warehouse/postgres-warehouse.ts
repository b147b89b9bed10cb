/** PostgreSQL as a warehouse: Parquet is read here, and goes in as CSV. */
import { parquetReadObjects, parquetSchema } from 'hyparquet'
import type { Column } from '../../lake/glue/columns.ts'
import type { Sql } from '../sinks/sql.ts'
import { kindOf, type LakeFile, quoted, type Warehouse } from './warehouse.ts'

/** Rows in memory at once. */
const ROWS = 20_000

/** Type of Hive → declared, as information_schema tells it. */
const types: Readonly<Record<string, readonly [string, string]>> = {
  boolean: ['boolean', 'boolean'],
  tinyint: ['smallint', 'smallint'],
  smallint: ['smallint', 'smallint'],
  int: ['integer', 'integer'],
  bigint: ['bigint', 'bigint'],
  float: ['real', 'real'],
  double: ['double precision', 'double precision'],
  decimal: ['numeric', 'numeric'],
  date: ['date', 'date'],
  timestamp: ['timestamptz', 'timestamp with time zone'],
  string: ['text', 'text'],
  binary: ['bytea', 'bytea'],
}
/** Lists, maps, structs. */
const nested = ['jsonb', 'jsonb'] as const

export function postgresWarehouse(sql: Sql): Warehouse {
  const typeOf: Warehouse['typeOf'] = column => {
    const [declared, told] = types[kindOf(column)] ?? nested
    return { declared, told }
  }
  return {
    sql,
    begin: [],
    createLoads: `create table if not exists warehouse_loads (
  table_name text not null,
  partition_values text not null,
  files text not null,
  "rows" bigint not null,
  loaded_at timestamptz not null,
  primary key (table_name, partition_values)
)`,
    enterLoad: `insert into warehouse_loads (table_name, partition_values, files, "rows", loaded_at)
values ($1, $2, '', 0, $3) on conflict do nothing`,
    typeOf,
    createTable({ name, keys, columns }) {
      const all = [
        ...keys.map(key => `${quoted(key)} text not null`),
        ...columns.map(column => `${quoted(column.name)} ${typeOf(column).declared}`),
      ]
      const create = `create table if not exists ${quoted(name)} (\n  ${all.join(',\n  ')}\n)`
      // Partitions are replaced by their keys.
      return keys.length === 0
        ? [create]
        : [create, `create index on ${quoted(name)} (${keys.map(quoted).join(', ')})`]
    },
    async append(session, table, { values, files }) {
      for (const file of files) {
        const columns = [...table.keys, ...file.columns.map(({ name }) => name)].map(quoted)
        for await (const { from, csv } of pieces(file, values))
          await session.copy(quoted(table.name), columns, [{ name: `${file.summary.key}/${from}`, csv }])
      }
    },
  }
}

/** Within a group of rows pages are found by the file's index, where it has one. */
async function* pieces(
  { file, metadata, columns }: LakeFile,
  values: readonly string[],
): AsyncGenerator<{ from: number; csv: Buffer }> {
  const keys = values.map(quotedCell)
  const names = parquetSchema(metadata).children.map(({ element }) => element.name)
  let start = 0
  for (const group of metadata.row_groups) {
    const end = start + Number(group.num_rows)
    for (let from = start; from < end; from += ROWS) {
      const range = { rowStart: from, rowEnd: Math.min(end, from + ROWS) }
      const rows = await parquetReadObjects({ file, metadata, ...range, utf8: false, useOffsetIndex: true })
      const lines = rows.map(row => [...keys, ...names.map((name, i) => csvCell(row[name], columns[i]))])
      yield { from, csv: Buffer.from(`${lines.map(line => line.join(',')).join('\n')}\n`) }
    }
    start = end
  }
}

/** As COPY reads it: nothing is null, and text is in quotes. */
export function csvCell(value: unknown, column: Column | undefined): string {
  if (value === null || value === undefined) return ''
  if (value instanceof Date) return value.toISOString().slice(0, column?.type === 'date' ? 10 : undefined)
  if (value instanceof Uint8Array) return `"\\x${Buffer.from(value).toString('hex')}"`
  if (typeof value === 'string') return quotedCell(value)
  if (typeof value === 'object') return quotedCell(JSON.stringify(value, plain))
  return String(value)
}

function quotedCell(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}

/** What JSON has no form for: 64 bits as a number, and what is no number as null. */
function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value
}
