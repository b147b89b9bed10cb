/** A database of the Glue Data Catalog: its tables and their partitions. */
import {
  BatchCreatePartitionCommand,
  BatchDeletePartitionCommand,
  BatchUpdatePartitionCommand,
  CreateDatabaseCommand,
  CreateTableCommand,
  GetTableCommand,
  GlueClient,
  type PartitionError,
  type PartitionInput,
  paginateGetPartitions,
  type StorageDescriptor,
  type Table,
  type TableInput,
  UpdateTableCommand,
} from '@aws-sdk/client-glue'
import { causeOf, told } from '../aws.ts'
import { LakeError } from '../errors.ts'
import type { Column } from './columns.ts'

/** Partitions of one request: quotas of Glue's API. */
const WRITTEN_AT_ONCE = 100
const DELETED_AT_ONCE = 25
/** Tries of one request, with growing waits between them. */
const ATTEMPTS = 5
/** Milliseconds. */
const CONNECTED_WITHIN = 5_000
const ANSWERED_WITHIN = 60_000

export interface CatalogTable {
  readonly name: string
  /** Where its files are; ends with a slash. */
  readonly location: string
  readonly columns: readonly Column[]
  readonly keys: readonly string[]
  /** All that Glue keeps of it. */
  readonly entry: Table
}

export interface CatalogPartition {
  readonly values: readonly string[]
  readonly location: string
  readonly columns: readonly Column[]
}

/** Every method throws LakeError AWS_…. Names are in lower case, as Glue keeps them. */
export interface Catalog {
  readonly database: string
  /** Makes the database where it is missing. */
  prepare(): Promise<void>
  table(name: string): Promise<CatalogTable | undefined>
  /** False where it is there already. */
  create(table: Omit<CatalogTable, 'entry'>): Promise<boolean>
  /** Other columns for a table; the rest of its entry stays as it is. */
  update(table: CatalogTable, columns: readonly Column[]): Promise<void>
  partitions(table: string): AsyncIterable<CatalogPartition>
  /** Those that are there already are left as they are. */
  addPartitions(table: string, partitions: readonly CatalogPartition[]): Promise<void>
  updatePartitions(table: string, partitions: readonly CatalogPartition[]): Promise<void>
  /** Their files stay. */
  removePartitions(table: string, values: readonly (readonly string[])[]): Promise<void>
  close(): void
}

/** The catalog as the environment says (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL_GLUE …). */
export function glueCatalog(database: string): Catalog {
  const glue = new GlueClient({
    maxAttempts: ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECTED_WITHIN,
      requestTimeout: ANSWERED_WITHIN,
      throwOnRequestTimeout: true,
    },
  })
  const named = (table: string) => ({ DatabaseName: database, TableName: table })
  const title = (table: string) => `the table ${database}.${table} of Glue`

  /** Requests of so many each; what they do not do is an error, unless it is one of these. */
  async function batched<T>(
    items: readonly T[],
    size: number,
    what: string,
    send: (some: T[]) => Promise<{ Errors?: PartitionError[] | undefined }>,
    harmless: string,
  ): Promise<void> {
    for (let at = 0; at < items.length; at += size) {
      const { Errors = [] } = await told(what, () => send(items.slice(at, at + size)))
      const bad = Errors.find(({ ErrorDetail }) => ErrorDetail?.ErrorCode !== harmless)
      if (bad === undefined) continue
      const { ErrorCode = 'an error', ErrorMessage = '' } = bad.ErrorDetail ?? {}
      throw new LakeError(
        'AWS_REFUSED',
        `${what} failed: ${(bad.PartitionValues ?? []).join('/')}: ${ErrorCode}: ${ErrorMessage}`,
      )
    }
  }

  return {
    database,

    async prepare() {
      const command = new CreateDatabaseCommand({ DatabaseInput: { Name: database } })
      await told(`making the database ${database} of Glue`, () => glue.send(command)).catch(unless(EXISTS))
    },

    async table(name) {
      const command = new GetTableCommand({ DatabaseName: database, Name: name })
      const found = await told(`reading ${title(name)}`, () => glue.send(command)).catch(unless(MISSING))
      const entry = found?.Table
      if (entry === undefined) return undefined
      return {
        name,
        ...stored(entry.StorageDescriptor),
        keys: (entry.PartitionKeys ?? []).map(({ Name = '' }) => Name),
        entry,
      }
    },

    async create({ name, location, columns, keys }) {
      const TableInput: TableInput = {
        Name: name,
        TableType: 'EXTERNAL_TABLE',
        Parameters: { classification: 'parquet', EXTERNAL: 'TRUE' },
        PartitionKeys: keys.map(key => ({ Name: key, Type: 'string' })),
        StorageDescriptor: descriptor(location, columns),
      }
      const command = new CreateTableCommand({ DatabaseName: database, TableInput })
      const done = await told(`making ${title(name)}`, () => glue.send(command)).catch(unless(EXISTS))
      return done !== undefined
    },

    async update({ name, location, entry }, columns) {
      const { Description, Owner, Retention, PartitionKeys, TableType, Parameters } = entry
      const command = new UpdateTableCommand({
        DatabaseName: database,
        VersionId: entry.VersionId,
        TableInput: {
          Name: name,
          Description,
          Owner,
          Retention,
          PartitionKeys,
          TableType,
          Parameters,
          StorageDescriptor: { ...entry.StorageDescriptor, ...descriptor(location, columns) },
        },
      })
      await told(`changing ${title(name)}`, () => glue.send(command))
    },

    async *partitions(table) {
      const pages = paginateGetPartitions({ client: glue }, named(table))
      for (;;) {
        const page = await told(`listing the partitions of ${title(table)}`, () => pages.next())
        if (page.done) return
        for (const { Values = [], StorageDescriptor } of page.value.Partitions ?? [])
          yield { values: Values, ...stored(StorageDescriptor) }
      }
    },

    async addPartitions(table, partitions) {
      const what = `adding partitions to ${title(table)}`
      const add = (PartitionInputList: PartitionInput[]) =>
        glue.send(new BatchCreatePartitionCommand({ ...named(table), PartitionInputList }))
      await batched(partitions.map(input), WRITTEN_AT_ONCE, what, add, EXISTS)
    },

    async updatePartitions(table, partitions) {
      const what = `changing partitions of ${title(table)}`
      const entries = partitions.map(input).map(PartitionInput => ({
        PartitionValueList: PartitionInput.Values,
        PartitionInput,
      }))
      const update = async (Entries: typeof entries) => {
        const { Errors } = await glue.send(new BatchUpdatePartitionCommand({ ...named(table), Entries }))
        return {
          Errors: Errors?.map(({ PartitionValueList: PartitionValues, ErrorDetail }) => ({
            PartitionValues,
            ErrorDetail,
          })),
        }
      }
      await batched(entries, WRITTEN_AT_ONCE, what, update, MISSING)
    },

    async removePartitions(table, values) {
      const what = `removing partitions of ${title(table)}`
      const remove = (PartitionsToDelete: { Values: string[] }[]) =>
        glue.send(new BatchDeletePartitionCommand({ ...named(table), PartitionsToDelete }))
      const lists = values.map(each => ({ Values: [...each] }))
      await batched(lists, DELETED_AT_ONCE, what, remove, MISSING)
    },

    close: () => glue.destroy(),
  }
}

const EXISTS = 'AlreadyExistsException'
const MISSING = 'EntityNotFoundException'

/** Lets an error of this name pass as nothing. */
function unless(name: string): (error: unknown) => undefined {
  return error => {
    const cause = causeOf(error)
    if (cause instanceof Error && cause.name === name) return undefined
    throw error
  }
}

function stored(found: StorageDescriptor | undefined): { location: string; columns: Column[] } {
  const { Location = '', Columns = [] } = found ?? {}
  return {
    location: Location.endsWith('/') ? Location : `${Location}/`,
    columns: Columns.map(({ Name = '', Type = '' }) => ({ name: Name, type: Type })),
  }
}

function input({ values, location, columns }: CatalogPartition): PartitionInput & { Values: string[] } {
  return { Values: [...values], StorageDescriptor: descriptor(location, columns) }
}

/** As Hive, Spark and Athena want it of Parquet. */
function descriptor(location: string, columns: readonly Column[]): StorageDescriptor {
  return {
    Location: location,
    Columns: columns.map(({ name, type }) => ({ Name: name, Type: type })),
    InputFormat: 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat',
    OutputFormat: 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat',
    SerdeInfo: { SerializationLibrary: 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe' },
  }
}
