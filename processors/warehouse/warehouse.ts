/** The port to a warehouse: a SQL database that takes the tables of the lake, partition by partition. */
import type { Column } from '../../lake/glue/columns.ts'
import type { ObjectStore, ObjectSummary } from '../../lake/object-store.ts'
import type { ParquetFile } from '../../lake/parquet-file.ts'
import type { Sql, SqlTransaction } from '../sinks/sql.ts'

/** A table, of the same name and columns as in Glue. */
export interface WarehouseTable {
  readonly name: string
  /** What it is partitioned by: columns of text, the first ones. */
  readonly keys: readonly string[]
  readonly columns: readonly Column[]
}

export interface LakeFile extends ParquetFile {
  readonly summary: ObjectSummary
  /** As of the table, in the order of the file. */
  readonly columns: readonly Column[]
}

export interface LakePartition {
  /** Of the table's keys. */
  readonly values: readonly string[]
  readonly files: readonly LakeFile[]
  /** In which the files are. */
  readonly store: ObjectStore
}

export interface Warehouse {
  readonly sql: Sql
  /** First in each transaction that changes a partition, where writers do not wait for each other by themselves. */
  readonly begin: readonly string[]
  /** Makes the table of `loads-table.ts`. */
  readonly createLoads: string
  /** Enters a partition as one of which nothing is loaded, unless it has a row: table_name $1, partition_values $2, loaded_at $3. */
  readonly enterLoad: string
  /** The type of a column in a statement, and what `information_schema.columns` calls it. */
  typeOf(column: Column): { readonly declared: string; readonly told: string }
  createTable(table: WarehouseTable): readonly string[]
  /** Adds the rows of a partition's files to the table. */
  append(session: SqlTransaction, table: WarehouseTable, partition: LakePartition): Promise<void>
}

/** Names are those of Glue, which may be words of SQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Type of Hive without its parameters: `decimal` of `decimal(10,2)`. */
export function kindOf({ type }: Column): string {
  return /^\w+/.exec(type)?.[0] ?? type
}
