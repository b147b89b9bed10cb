import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EMRClient } from '@aws-sdk/client-emr'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Catalog, glueCatalog } from '../../lake/glue/catalog.ts'
import { registerTables } from '../../lake/glue/register-table.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { openStore } from '../../lake/open-store.ts'
import { s3Client } from '../../lake/s3-store.ts'
import { answering, awsJson } from '../../lake/testing/answering-server.ts'
import { awsAt } from '../../lake/testing/aws-environment.ts'
import { motoUnavailable, type RunningMoto, startMoto } from '../../lake/testing/moto.ts'
import { tickerwatch } from '../../test/tickerwatch.ts'
import { parseConfig } from './config.ts'
import { jobOf, jobs, tablesOf } from './jobs.ts'
import { submit } from './submit.ts'
import { type FakeEmr, startFakeEmr } from './testing/fake-emr.ts'
import { localCluster, sparkUnavailable } from './testing/local-cluster.ts'

const unavailable = motoUnavailable() ?? sparkUnavailable()

describe.skipIf(unavailable !== undefined)(`jobs on EMR ${unavailable ?? ''}`, () => {
  let moto: RunningMoto
  let emr: FakeEmr
  let client: EMRClient
  let lake: ObjectStore
  const config = parseConfig(
    JSON.stringify({ lake: 's3://lake', code: 's3://lake/code', logs: 's3://lake/logs' }),
    'the configuration',
  )
  beforeAll(async () => {
    moto = await startMoto()
    awsAt(moto.url)
    const s3 = s3Client()
    await s3.send(new CreateBucketCommand({ Bucket: 'lake' }))
    s3.destroy()
    lake = await openStore('s3://lake')
    emr = await startFakeEmr({
      run: await localCluster(moto.url),
      log: (uri, bytes) => lake.put(uri.replace('s3://lake/', ''), bytes),
    })
    vi.stubEnv('AWS_ENDPOINT_URL_EMR', emr.url)
    client = new EMRClient()
  })
  afterAll(async () => {
    client?.destroy()
    await emr?.stop()
    await lake?.close()
    await moto?.stop()
    vi.unstubAllEnvs()
  })

  const run = (name: string, more: readonly string[] = []) => {
    const entry = jobs.find(each => each.name === name)
    if (entry === undefined) throw new Error(`there is no job ${name}`)
    return submit(jobOf(entry, config.lake, more), {
      emr: client,
      config,
      code: codeStore,
      logs: logStore,
      signal: new AbortController().signal,
      keep: true,
      poll: 200,
      wait: milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds)),
      now: Date.now,
      say: line => said.push(line),
    }).catch(error => {
      throw new Error(said.slice(-50).join('\n'), { cause: error })
    })
  }
  const said: string[] = []
  let codeStore: ObjectStore
  let logStore: ObjectStore
  beforeAll(async () => {
    codeStore = await openStore(config.code)
    logStore = await openStore(config.logs)
  })
  afterAll(() => Promise.all([codeStore?.close(), logStore?.close()]))

  async function json(key: string): Promise<Record<string, unknown>> {
    return JSON.parse(String(await lake.get(key)))
  }

  async function keys(prefix: string): Promise<string[]> {
    const found: string[] = []
    for await (const { key } of lake.list(prefix)) found.push(key)
    return found
  }

  test('clean truly cleans what was staged, and features come of it', async () => {
    const found = new Set<string>()
    let rowsOut = 0
    const directory = await mkdtemp(join(tmpdir(), 'tickerwatch-generated-'))
    try {
      await tickerwatch('generate', '--out', directory, '--devices', '2', '--for', '3m')
      for (const name of await readdir(directory)) {
        const rows = await readFile(join(directory, name), 'utf8')
        const readings = rows.trimEnd().split('\n').slice(2)
        for (const row of readings) found.add(row.split(',').at(-1) ?? '')
        rowsOut += readings.length
        await lake.put(`staging/${name}`, Buffer.from(`${rows}this,is,no,reading\n`))
      }
    } finally {
      await rm(directory, { recursive: true, force: true })
    }

    const labels = ['raw,class', ...[...found].sort().map(label => `${label},${label}`)].join('\n')
    await lake.put('labels.csv', Buffer.from(`${labels}\n`))
    const cleaned = await run('clean', ['--labels', 's3://lake/labels.csv'])
    expect(cleaned.created).toBe(true)
    const report = await json('reports/clean.json')
    expect(report).toMatchObject({ rowsIn: rowsOut + 2, rowsOut, rowsQuarantined: 2 })
    expect(await keys('processed/readings/')).toContainEqual(expect.stringMatching(/person=.*\.parquet$/))
    expect(await keys('processed/quarantine/')).toContainEqual(expect.stringMatching(/\.parquet$/))

    expect(await run('features')).toMatchObject({ created: false, cluster: cleaned.cluster })
    expect((await json('reports/features.json')).windows).toBeGreaterThan(50)
    expect(await keys('features/')).toContainEqual(expect.stringMatching(/^features\/schema=[0-9a-f]{16}\//))
  })

  async function partitions(catalog: Catalog, table: string): Promise<readonly string[][]> {
    const found: string[][] = []
    for await (const { values } of catalog.partitions(table)) found.push([...values])
    return found
  }

  test('what the command has run is a table in Glue; where Glue refuses, that is said, and nothing is lost', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tickerwatch-emr-'))
    const file = join(directory, 'emr.json')
    const places = { lake: config.lake, code: config.code, logs: config.logs }
    await writeFile(file, JSON.stringify({ ...places, database: 'watches' }))
    const refusing = await answering(
      awsJson(() => ({ status: 400, body: { __type: 'AccessDeniedException', message: 'not allowed' } })),
    )
    const catalog = glueCatalog('watches')
    try {
      vi.stubEnv('AWS_ENDPOINT_URL_GLUE', refusing.url)
      const refused = await tickerwatch('emr', 'features', '--config', file)
      expect(refused.code).toBe(1)
      const later = 'tickerwatch warehouse register features s3://lake/features --database watches'
      expect(refused.stderr.slice(-4)).toEqual([
        expect.stringMatching(/^features is done after \d+ s/),
        `s3://lake/features is written. To register it later: ${later}`,
        'AWS_ACCESS_DENIED: making the database watches of Glue failed: AccessDeniedException: not allowed',
        expect.stringMatching(/^Give these credentials the rights that lake\/README.md lists/),
      ])

      vi.stubEnv('AWS_ENDPOINT_URL_GLUE', moto.url)
      const registered = await tickerwatch(...later.split(' ').slice(1))
      expect(registered.stdout).toEqual([
        expect.stringMatching(
          /^watches.features in Glue is s3:\/\/lake\/features\/: made, 2 partitions added$/,
        ),
      ])
      const features = await catalog.table('features')
      expect(features).toMatchObject({ keys: ['schema', 'person'], location: 's3://lake/features/' })
      expect(features?.columns).toContainEqual({ name: 'features', type: 'array<float>' })

      const clean = jobs.find(({ name }) => name === 'clean')
      if (clean === undefined) throw new Error('there is no job clean')
      const tables = await registerTables(catalog, tablesOf(clean, config.lake))
      expect(tables.map(({ table }) => table)).toEqual(['watches.readings', 'watches.quarantine'])
      expect((await catalog.table('readings'))?.columns).toContainEqual({ name: 'pitch', type: 'double' })
      const people = (await keys('processed/readings/')).flatMap(key => /person=([^/]*)/.exec(key)?.[1] ?? [])
      expect((await partitions(catalog, 'readings')).map(([person]) => person)).toEqual([...new Set(people)])
      expect(await catalog.table('quarantine')).toMatchObject({ keys: [] })
    } finally {
      catalog.close()
      await refusing.stop()
      await rm(directory, { recursive: true, force: true })
    }
  })

  test('a job that fails shows what the script said', async () => {
    const none = run('clean', ['--recordings', 's3://lake/nothing-here'])
    const error = await none.catch((error: unknown) => error)
    expect(error).toMatchObject({
      cause: { code: 'EMR_STEP_FAILED' },
      message: expect.stringMatching(/nothing-here/),
    })
  })
})
