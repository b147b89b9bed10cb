import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { raised } from '../contract.ts'
import type { ObjectStore } from '../object-store.ts'
import { openStore } from '../open-store.ts'
import { s3Client } from '../s3-store.ts'
import { awsAt } from '../testing/aws-environment.ts'
import { motoUnavailable, type RunningMoto, startMoto } from '../testing/moto.ts'
import { double, long, parquetBytes, type TestColumns, text, time } from '../testing/parquet.ts'
import { type Catalog, glueCatalog } from './catalog.ts'
import { registerTable } from './register-table.ts'

const unavailable = motoUnavailable()

describe.skipIf(unavailable !== undefined)(`tables in Glue ${unavailable ?? ''}`, () => {
  let moto: RunningMoto
  let store: ObjectStore
  let catalog: Catalog
  let tests = 0
  beforeAll(async () => {
    moto = await startMoto()
    awsAt(moto.url)
    const client = s3Client()
    await client.send(new CreateBucketCommand({ Bucket: 'lake' }))
    client.destroy()
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await moto?.stop()
  })
  beforeEach(async () => {
    store = await openStore(`s3://lake/${++tests}`)
    catalog = glueCatalog(`database_${tests}`)
    return async () => {
      catalog.close()
      await store.close()
    }
  })

  const columns: TestColumns = {
    stamp: { ...long, values: [1n] },
    rotationRateX: { ...double, values: [0.5] },
    label: { ...text, values: ['walking'] },
    at: { ...time, values: [new Date(0)] },
  }
  const hive = [
    { name: 'stamp', type: 'bigint' },
    { name: 'rotationratex', type: 'double' },
    { name: 'label', type: 'string' },
    { name: 'at', type: 'timestamp' },
  ]
  const put = (key: string, of = columns) => store.put(key, parquetBytes(of))

  async function registered(): Promise<Map<string, unknown>> {
    const found = new Map<string, unknown>()
    for await (const { values, location, columns } of catalog.partitions('readings'))
      found.set(location, [values, columns])
    return found
  }

  test('the table is as its files, with a partition for each folder; again, nothing changes', async () => {
    await put('person=p%3A1/day=2026-01-01/part-0.snappy.parquet')
    await put('person=p%3A1/day=2026-01-01/part-1.snappy.parquet')
    await put('person=p2/day=2026-01-02/part-0.snappy.parquet')
    await store.put('_SUCCESS', Buffer.alloc(0))
    await store.put('_temporary/x/y.parquet', Buffer.from('half written'))
    const first = await registerTable(catalog, 'readings', store)
    const table = `database_${tests}.readings`
    const nothing = { columnsAdded: [], partitions: { added: 0, changed: 0, removed: 0 } }
    expect(first).toMatchObject({ table, created: true, partitions: { added: 2, changed: 0, removed: 0 } })
    expect(await catalog.table('readings')).toMatchObject({
      location: store.url,
      columns: hive,
      keys: ['person', 'day'],
      entry: { TableType: 'EXTERNAL_TABLE', Parameters: { classification: 'parquet' } },
    })
    const partitions = new Map([
      [`${store.url}person=p%3A1/day=2026-01-01/`, [['p:1', '2026-01-01'], hive]],
      [`${store.url}person=p2/day=2026-01-02/`, [['p2', '2026-01-02'], hive]],
    ])
    expect(await registered()).toEqual(partitions)
    expect(await registerTable(catalog, 'readings', store)).toMatchObject({ created: false, ...nothing })
    expect(await registered()).toEqual(partitions)
  })

  test('a new column comes to the table and to its partitions; those without files go', async () => {
    await put('day=1/a.parquet')
    await put('day=2/a.parquet')
    await registerTable(catalog, 'readings', store)
    await store.delete('day=1/a.parquet')
    // S3 tells the time of an object in seconds.
    await vi.waitUntil(() => Date.now() % 1000 < 100)
    await put('day=3/a.parquet', { ...columns, heartRate: { ...double, values: [60] } })
    const again = await registerTable(catalog, 'readings', store)
    const partitions = { added: 1, changed: 1, removed: 1 }
    expect(again).toMatchObject({ created: false, columnsAdded: ['heartrate'], partitions })
    const now = [...hive, { name: 'heartrate', type: 'double' }]
    expect((await catalog.table('readings'))?.columns).toEqual(now)
    expect([...(await registered()).values()].sort()).toEqual([
      [['2'], now],
      [['3'], now],
    ])
  })

  test('a column that is gone, or has another type, other keys, another place: refused, and nothing is changed', async () => {
    await put('day=1/a.parquet')
    await registerTable(catalog, 'readings', store)
    const before = [await catalog.table('readings'), await registered()]
    const { label: _, ...without } = columns
    const refused = async (of: TestColumns, message: string) => {
      await put('day=1/a.parquet', of)
      await put('day=2/a.parquet', of)
      await expect(registerTable(catalog, 'readings', store)).rejects.toEqual(
        raised('TABLE_INCOMPATIBLE', message),
      )
    }
    await refused(without, 'the column label of the table')
    await refused({ ...columns, stamp: { ...double, values: [1] } }, 'stamp')
    await store.delete('day=1/a.parquet')
    await store.delete('day=2/a.parquet')
    await put('person=1/a.parquet')
    await expect(registerTable(catalog, 'readings', store)).rejects.toEqual(
      raised('TABLE_INCOMPATIBLE', 'partitioned by day, its files by person'),
    )
    const elsewhere = await openStore(`s3://lake/${tests}/person=1`)
    await expect(registerTable(catalog, 'readings', elsewhere)).rejects.toEqual(raised('TABLE_ELSEWHERE'))
    await elsewhere.close()
    expect([await catalog.table('readings'), await registered()]).toEqual(before)
  })

  test('hundreds of partitions, of which some are registered already, by several at once', async () => {
    const bytes = parquetBytes(columns)
    const key = (i: number) => `hour=${String(i).padStart(3, '0')}/a.parquet`
    const write = (from: number, to: number) =>
      Promise.all(Array.from({ length: to - from }, (_, i) => store.put(key(from + i), bytes)))
    await write(0, 130)
    await registerTable(catalog, 'readings', store)
    await write(130, 350)
    const both = await Promise.all([
      registerTable(catalog, 'readings', store),
      registerTable(catalog, 'readings', store),
    ])
    expect(both.some(({ partitions }) => partitions.added === 220)).toBe(true)
    expect((await registered()).size).toBe(350)
    await Promise.all(Array.from({ length: 60 }, (_, i) => store.delete(key(i))))
    expect(await registerTable(catalog, 'readings', store)).toMatchObject({
      partitions: { added: 0, changed: 0, removed: 60 },
    })
    expect((await registered()).size).toBe(290)
  })

  test('a table without folders has no partitions; what others entered stays', async () => {
    await put('part-0.parquet')
    await registerTable(catalog, 'readings', store)
    const table = await catalog.table('readings')
    expect(table).toMatchObject({ keys: [], columns: hive })
    if (table === undefined) throw new Error('there is no table')
    await catalog.update({ ...table, entry: { ...table.entry, Description: 'by hand' } }, table.columns)
    await vi.waitUntil(() => Date.now() % 1000 < 100)
    await put('part-0.parquet', { ...columns, more: { ...long, values: [1n] } })
    await registerTable(catalog, 'readings', store)
    const { entry, columns: now } = (await catalog.table('readings')) ?? {}
    expect(now).toHaveLength(5)
    expect(entry?.Description).toBe('by hand')
  })

  test('no bucket, nothing there, no Parquet, mixed folders, columns alike: named, and no table is made', async () => {
    const refused = (code: Parameters<typeof raised>[0], message: string) =>
      expect(registerTable(catalog, 'readings', store)).rejects.toEqual(raised(code, message))
    const nowhere = await openStore('s3://no-such-bucket/readings')
    await expect(registerTable(catalog, 'readings', nowhere)).rejects.toEqual(raised('S3_BUCKET_MISSING'))
    await nowhere.close()
    await refused('TABLE_EMPTY', store.url)
    await store.put('a.parquet', Buffer.from('this is no Parquet file'))
    await refused('PARQUET_INVALID', `${store.url}a.parquet`)
    await put('a.parquet')
    await put('day=1/a.parquet')
    await refused('TABLE_FOLDERS_MIXED', store.url)
    await store.delete('day=1/a.parquet')
    await put('a.parquet', { label: columns.label!, LABEL: columns.label! })
    await refused('TABLE_COLUMNS_ALIKE', 'label')
    expect(await catalog.table('readings')).toBeUndefined()
  })
})
