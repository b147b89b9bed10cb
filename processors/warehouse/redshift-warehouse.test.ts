import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileStore } from '../../lake/file-store.ts'
import type { Catalog } from '../../lake/glue/catalog.ts'
import { columnsOf } from '../../lake/glue/columns.ts'
import { tableFiles } from '../../lake/glue/table-files.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { openParquet } from '../../lake/parquet-file.ts'
import { double, long, parquetBytes, text } from '../../lake/testing/parquet.ts'
import { redshiftDialect } from '../sinks/redshift-dialect.ts'
import type { Sql, SqlResult, SqlTransaction } from '../sinks/sql.ts'
import { loadTable } from './load-table.ts'
import { redshiftWarehouse } from './redshift-warehouse.ts'

/** A golden file, which `redshift-warehouse.aws.test.ts` has parsed. */
const said = new URL('testing/redshift-statements.sql', import.meta.url).pathname
const place = 's3://lake/processed/readings/'

/** Answers as a Redshift in which nothing is yet, and keeps what it was told. */
function scripted(): { sql: Sql; statements: string[] } {
  const statements: string[] = []
  const query: SqlTransaction['query'] = async (statement): Promise<SqlResult> => {
    statements.push(statement)
    return { rows: [], affected: 1 }
  }
  const copy = () => Promise.reject(new Error('Redshift copies from S3 only'))
  const sql: Sql = {
    description: 'a script',
    dialect: redshiftDialect,
    query,
    async transaction(work) {
      statements.push('begin')
      const result = await work({ query, copy })
      statements.push('commit')
      return result
    },
    close: async () => {},
  }
  return { sql, statements }
}

/** As Glue would have it. */
async function catalogOf(store: ObjectStore): Promise<Catalog> {
  const { keys, partitions, columns } = await tableFiles(store)
  const nobody = () => Promise.reject(new Error('nothing is changed in Glue'))
  return {
    database: 'watches',
    table: async name => ({ name, location: place, keys, columns, entry: { Name: name } }),
    async *partitions() {
      for (const { values, folder } of partitions) yield { values, location: `${place}${folder}`, columns }
    },
    prepare: nobody,
    create: nobody,
    update: nobody,
    addPartitions: nobody,
    updatePartitions: nobody,
    removePartitions: nobody,
    close: () => {},
  }
}

test('Redshift is told to copy exactly the files of a partition, and the manifest is gone afterwards', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'warehouse-'))
  const files = fileStore(directory)
  const manifests: unknown[] = []
  const store: ObjectStore = {
    ...files,
    url: place,
    async put(key, body, options) {
      manifests.push(JSON.parse(Buffer.from(body).toString()))
      await files.put(key, body, options)
    },
  }
  const columns = {
    stamp: { ...long, values: [1n] },
    pitch: { ...double, values: [0.5] },
    label: { ...text, values: ["it's"] },
  }
  await files.put('person=a/day=2026-01-01/a.parquet', parquetBytes(columns))
  await files.put('person=a/day=2026-01-01/b.parquet', parquetBytes(columns))
  const { stamp: _, ...fewer } = columns
  await files.put('person=a/day=2026-01-01/old.parquet', parquetBytes(fewer))
  await files.put('person=a/day=2026-01-01/zzz.parquet', parquetBytes(columns))
  const { sql, statements } = scripted()
  const report = await loadTable('readings', {
    catalog: await catalogOf(store),
    warehouse: redshiftWarehouse(sql, 'arn:aws:iam::123456789012:role/load'),
    open: async () => store,
    now: () => 0,
    signal: new AbortController().signal,
    onProgress: () => {},
  })
  expect(report).toEqual({ table: 'readings', loaded: 1, unchanged: 0, removed: 0, rows: 4, left: 0 })
  const folder = `${place}person=a/day=2026-01-01`
  const entry = async (name: string) => ({
    url: `${folder}/${name}`,
    mandatory: true,
    meta: { content_length: (await files.stat(`person=a/day=2026-01-01/${name}`))?.size },
  })
  expect(manifests).toEqual([
    { entries: [await entry('a.parquet'), await entry('b.parquet'), await entry('zzz.parquet')] },
    { entries: [await entry('old.parquet')] },
  ])
  for await (const { key } of files.list()) expect(key).toMatch(/\.parquet$/)
  await rm(directory, { recursive: true })
  const golden = statements.map(statement => statement.replace(/[0-9a-f]{64}\.manifest/, 'DIGEST.manifest'))
  await expect(`${golden.join(';\n\n')};\n`).toMatchFileSnapshot(said)
})

test('every type of Hive has one of Redshift, and lists are copied as such', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'warehouse-'))
  const store = { ...fileStore(directory), url: place }
  await store.put('a.parquet', parquetBytes({ label: { ...text, values: ['a'] } }))
  const { sql, statements } = scripted()
  const warehouse = redshiftWarehouse(sql, 'default')
  const types = ['boolean', 'tinyint', 'smallint', 'int', 'bigint', 'float', 'double', 'decimal(9,2)', 'date']
  const all = [
    ...types,
    'timestamp',
    'string',
    'binary',
    'array<float>',
    'map<string,bigint>',
    'struct<a:int>',
  ]
  const columns = all.map((type, i) => ({ name: `c${i}`, type }))
  expect(columns.map(column => warehouse.typeOf(column).declared)).toEqual([
    ...[
      'boolean',
      'smallint',
      'smallint',
      'integer',
      'bigint',
      'real',
      'double precision',
      'decimal(9,2)',
      'date',
    ],
    ...['timestamp', 'varchar(65535)', 'varbyte(65535)', 'super', 'super', 'super'],
  ])
  const [summary] = (await tableFiles(store)).partitions[0]?.files ?? []
  if (summary === undefined) throw new Error('there is no file')
  const file = await openParquet(store, summary)
  const table = { name: 'statistics', keys: [], columns }
  const query: SqlTransaction['query'] = sql.query
  const session = { query, copy: () => Promise.reject(new Error('none')) }
  const append = (of: typeof columns) =>
    warehouse.append(session, table, { values: [], store, files: [{ ...file, summary, columns: of }] })
  await append(columnsOf(file.metadata).map(column => ({ ...column })))
  await append(columns)
  const copies = statements.filter(statement => statement.startsWith('copy'))
  expect(copies.map(statement => statement.includes('serializetojson'))).toEqual([false, true])
  await rm(directory, { recursive: true })
})
