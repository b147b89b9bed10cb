/** Tables of the lake into a PostgreSQL server, from moto's S3 and Glue; killed, cut and raced. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { raised } from '../../lake/contract.ts'
import { type Catalog, glueCatalog } from '../../lake/glue/catalog.ts'
import { registerTable } from '../../lake/glue/register-table.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { openStore } from '../../lake/open-store.ts'
import { s3Client } from '../../lake/s3-store.ts'
import { awsAt, SECRET } from '../../lake/testing/aws-environment.ts'
import { motoUnavailable, type RunningMoto, startMoto } from '../../lake/testing/moto.ts'
import { double, long, parquetBytes, type TestColumns, text, time } from '../../lake/testing/parquet.ts'
import { root } from '../../test/files.ts'
import { plainEnvironment, tickerwatch } from '../../test/tickerwatch.ts'
import { encodeSamples, type StoredAnnotation } from '../feature-store/sample-file.ts'
import { openPostgres } from '../sinks/postgres.ts'
import type { Sql } from '../sinks/sql.ts'
import { cuttingProxy } from '../sinks/testing/cutting-proxy.ts'
import { type PostgresServer, postgresServer, postgresUnavailable } from '../sinks/testing/postgres-server.ts'
import { type LoadReport, loadTable } from './load-table.ts'
import { postgresWarehouse } from './postgres-warehouse.ts'

const unavailable = motoUnavailable() ?? postgresUnavailable()

describe.skipIf(unavailable !== undefined)(`a warehouse ${unavailable ?? ''}`, () => {
  let moto: RunningMoto
  let server: PostgresServer
  let sql: Sql
  let store: ObjectStore
  let catalog: Catalog
  let tests = 0
  beforeAll(async () => {
    moto = await startMoto()
    awsAt(moto.url)
    const client = s3Client()
    await client.send(new CreateBucketCommand({ Bucket: 'lake' }))
    client.destroy()
    server = await postgresServer()
    sql = await openPostgres(server.url)
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await sql?.close()
    await server?.remove()
    await moto?.stop()
  })
  beforeEach(async () => {
    store = await openStore(`s3://lake/${++tests}`)
    catalog = glueCatalog(`database_${tests}`)
    await sql.query('drop table if exists readings, warehouse_loads')
    return async () => {
      catalog.close()
      await store.close()
    }
  })

  /** Rows that tell where they are from. */
  const rowsOf = (from: number, count: number): TestColumns => {
    const numbers = Array.from({ length: count }, (_, i) => from + i)
    return {
      stamp: { ...long, values: numbers.map(BigInt) },
      pitch: { ...double, values: numbers.map(n => (n % 7 === 0 ? null : n / 8)) },
      label: { ...text, values: numbers.map(n => (n % 5 === 0 ? null : `it's "${n}",\n né \\N`)) },
      at: { ...time, values: numbers.map(n => new Date(n * 1000)) },
    }
  }
  const put = (key: string, columns: TestColumns) => store.put(key, parquetBytes(columns))
  const load = (over: Sql = sql, signal = new AbortController().signal): Promise<LoadReport> =>
    loadTable('readings', {
      catalog,
      warehouse: postgresWarehouse(over),
      open: openStore,
      now: Date.now,
      signal,
      onProgress: () => {},
    })
  const stamps = async (): Promise<number[]> =>
    (await sql.query('select stamp from readings order by stamp')).rows.map(({ stamp }) => Number(stamp))
  const upTo = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

  /** `count` partitions of 10 rows each. */
  async function lake(count: number): Promise<void> {
    for (let i = 0; i < count; i++)
      await put(`person=p%20${i % 3}/day=${String(i).padStart(3, '0')}/a.parquet`, rowsOf(i * 10, 10))
    await registerTable(catalog, 'readings', store)
  }

  test('every cell comes through; what is loaded is not loaded again, and what has changed is replaced', async () => {
    await lake(4)
    const counts = { table: 'readings', removed: 0, left: 0 }
    expect(await load()).toEqual({ ...counts, loaded: 4, unchanged: 0, rows: 40 })
    const { rows } = await sql.query('select * from readings order by stamp limit 9')
    expect(rows[0]).toEqual({
      person: 'p 0',
      day: '000',
      stamp: 0,
      pitch: null,
      label: null,
      at: new Date(0),
    })
    expect(rows[8]).toEqual({
      person: 'p 0',
      day: '000',
      stamp: 8,
      pitch: 1,
      label: 'it\'s "8",\n né \\N',
      at: new Date(8000),
    })
    expect(await load()).toEqual({ ...counts, loaded: 0, unchanged: 4, rows: 0 })

    await put('person=p%200/day=003/a.parquet', rowsOf(1000, 5))
    await put('person=p%201/day=001/b.parquet', rowsOf(2000, 5))
    await store.delete('person=p%202/day=002/a.parquet')
    await registerTable(catalog, 'readings', store)
    expect(await load()).toEqual({ ...counts, loaded: 2, unchanged: 1, removed: 1, rows: 20 })
    expect(await stamps()).toEqual([...upTo(0, 20), ...upTo(1000, 1005), ...upTo(2000, 2005)])
    const { rows: loads } = await sql.query(
      'select partition_values, "rows" from warehouse_loads order by partition_values',
    )
    expect(loads).toEqual([
      { partition_values: '["p 0","000"]', rows: 10 },
      { partition_values: '["p 0","003"]', rows: 5 },
      { partition_values: '["p 1","001"]', rows: 15 },
    ])
  })

  test('numbers that are none, bytes and flags, in a table without partitions', async () => {
    await store.put(
      'a.parquet',
      parquetBytes({
        x: { ...double, values: [Number.NaN, Number.POSITIVE_INFINITY, -0.1] },
        y: { type: 'FLOAT', values: [1.5, null, 2.5] },
        flag: { type: 'BOOLEAN', values: [true, false, null] },
        raw: { type: 'BYTE_ARRAY', values: [Buffer.from([0, 255]), null, Buffer.alloc(0)] },
      }),
    )
    await registerTable(catalog, 'readings', store)
    expect(await load()).toMatchObject({ loaded: 1, rows: 3 })
    expect((await sql.query('select x, y, flag, raw from readings')).rows).toEqual([
      { x: Number.NaN, y: 1.5, flag: true, raw: Buffer.from([0, 255]) },
      { x: Number.POSITIVE_INFINITY, y: null, flag: false, raw: null },
      { x: -0.1, y: 2.5, flag: null, raw: Buffer.alloc(0) },
    ])
    expect(await load()).toMatchObject({ loaded: 0, unchanged: 1 })
  })

  test('lists are JSON', async () => {
    const sample: StoredAnnotation = {
      deviceId: 'w1',
      windowStart: 0,
      windowEnd: 5000,
      verdict: 'labelled',
      label: 'walking',
      annotator: 'anna',
      annotatedAt: 6000,
      arm: 'random',
      predicted: 'walking',
      modelName: 'watch',
      modelVersion: '1.0.0',
      featureSchemaHash: 'abc',
      features: [0.5, -1e30, 3],
      logId: 'log',
      partition: 3,
      offset: 2 ** 40,
    }
    await store.put('a.parquet', Buffer.from(encodeSamples([sample, { ...sample, features: [] }])))
    await registerTable(catalog, 'readings', store)
    await load()
    const { rows } = await sql.query('select features, window_end, "offset" from readings')
    expect(rows).toEqual([
      { features: [0.5, Math.fround(-1e30), 3], window_end: new Date(5000), offset: 2 ** 40 },
      { features: [], window_end: new Date(5000), offset: 2 ** 40 },
    ])
  })

  test('a file of many groups of rows goes in piece by piece', async () => {
    await put('day=1/a.parquet', rowsOf(0, 45_000))
    await registerTable(catalog, 'readings', store)
    expect(await load()).toMatchObject({ loaded: 1, rows: 45_000 })
    expect(await stamps()).toEqual(upTo(0, 45_000))
  })

  test('killed again and again in the middle, it ends with each row once', async () => {
    await lake(60)
    const words = ['warehouse', 'load', 'readings', '--database', `database_${tests}`, '--sql', server.url]
    const loaded = async (): Promise<number> =>
      Number(
        (await sql.query('select count(*) as n from warehouse_loads').catch(() => ({ rows: [] }))).rows[0]
          ?.n ?? 0,
      )
    let killed = 0
    for (const partitions of [1, 9, 23, 24, 40]) {
      const child = spawn(process.execPath, ['cli/tickerwatch.mjs', ...words], {
        cwd: root,
        env: plainEnvironment(),
        stdio: 'ignore',
      })
      const exit = once(child, 'exit')
      const deadline = Date.now() + 60_000
      while ((await loaded()) < partitions && Date.now() < deadline && child.exitCode === null) await delay(2)
      child.kill('SIGKILL')
      await exit
      if (child.signalCode === 'SIGKILL') killed++
      const { rows } = await sql.query('select count(*) as n from readings')
      // What a killed one has not committed is not seen, and what is seen has its row.
      expect(Number(rows[0]?.n)).toBe((await loaded()) * 10)
    }
    expect(killed).toBeGreaterThan(3)
    const { code, stdout } = await tickerwatch(...words)
    expect(code).toBe(0)
    expect(stdout).toEqual([
      expect.stringMatching(
        /^readings in postgres 127\.0\.0\.1:\d+\/postgres: \d+ rows of \d+ partitions loaded, \d+ as they were$/,
      ),
    ])
    expect(await stamps()).toEqual(upTo(0, 600))
  })

  test('cut around the commit, it is run again, and doubles nothing', async () => {
    await lake(6)
    const proxy = await cuttingProxy(server.port)
    const remote = await openPostgres(server.url.replace(`:${server.port}`, `:${proxy.port}`))
    for (const cut of ['after commit', 'before commit', 'after commit', 700, 1_500, 2_100] as const) {
      const happened = proxy.cut(cut)
      await expect(load(remote)).rejects.toEqual(expect.objectContaining({ code: 'SQL_UNREACHABLE' }))
      await happened
    }
    const report = await load(remote)
    expect(report.loaded + report.unchanged).toBe(6)
    expect(await stamps()).toEqual(upTo(0, 60))
    await remote.close()
    await proxy.close()
  })

  test('two at once load each partition once; one that is stopped says what is left', async () => {
    await lake(20)
    const stop = new AbortController()
    const stopped = loadTable('readings', {
      catalog,
      warehouse: postgresWarehouse(sql),
      open: openStore,
      now: Date.now,
      signal: stop.signal,
      onProgress: done => done === 3 && stop.abort(),
    })
    expect(await stopped).toMatchObject({ loaded: 3, left: 17 })
    const both = await Promise.all([load(), load()])
    expect(both[0].rows + both[1].rows).toBe(170)
    expect(both.map(({ loaded, unchanged }) => loaded + unchanged)).toEqual([20, 20])
    expect(await stamps()).toEqual(upTo(0, 200))
  })

  test('a table that was dropped is loaded anew; a column that is new is added', async () => {
    await lake(2)
    await load()
    await sql.query('drop table readings')
    expect(await load()).toMatchObject({ loaded: 2, rows: 20 })
    await vi.waitUntil(() => Date.now() % 1000 < 100)
    await put('person=p%200/day=009/a.parquet', {
      ...rowsOf(90, 1),
      heartRate: { ...double, values: [61] },
    })
    await registerTable(catalog, 'readings', store)
    expect(await load()).toMatchObject({ loaded: 1, unchanged: 2 })
    const { rows } = await sql.query('select heartrate from readings order by stamp desc limit 2')
    expect(rows).toEqual([{ heartrate: 61 }, { heartrate: null }])
  })

  test('what cannot be is named in one line, and nothing is changed', async () => {
    const words = (database: string, url: string) => [
      ...['warehouse', 'load', 'readings', '--database', database, '--sql', url],
    ]
    const said = async (database = `database_${tests}`, url = server.url) => {
      const { code, stderr } = await tickerwatch(...words(database, url))
      expect(code).toBe(1)
      expect(stderr).toHaveLength(2)
      expect(stderr.join()).not.toMatch(new RegExp(`sesame|${SECRET}`))
      return stderr[0]
    }
    expect(await said('nowhere')).toBe('TABLE_MISSING: there is no table nowhere.readings in Glue')
    await lake(1)
    await load()
    expect(await said(undefined, server.url.replace('open%20sesame', 'guess'))).toMatch(/^SQL_REFUSED: /)
    await sql.query('alter table readings alter column pitch type text')
    expect(await said()).toMatch(
      /^WAREHOUSE_TABLE_CHANGED: the column pitch of readings in postgres .* is text, and double in Glue$/,
    )
    await sql.query(
      'alter table readings alter column pitch type double precision using pitch::double precision',
    )
    await put('person=p%200/day=000/a.parquet', { stamp: { ...double, values: [1] } })
    await expect(load()).rejects.toEqual(
      raised('TABLE_INCOMPATIBLE', 'person=p%200/day=000/a.parquet is double, and bigint in Glue'),
    )
    await store.put('person=p%200/day=000/a.parquet', Buffer.from('PAR1 this is cut PAR1'))
    await expect(load()).rejects.toEqual(raised('PARQUET_INVALID', 'person=p%200/day=000/a.parquet'))
    expect(await stamps()).toEqual(upTo(0, 10))
  })
})
