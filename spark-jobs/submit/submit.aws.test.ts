import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EMRClient } from '@aws-sdk/client-emr'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { ObjectStore } from '../../lake/object-store.ts'
import { openStore } from '../../lake/open-store.ts'
import { s3Client } from '../../lake/s3-store.ts'
import { motoUnavailable, type RunningMoto, startMoto } from '../../lake/testing/moto.ts'
import { tickerwatch } from '../../test/tickerwatch.ts'
import { parseConfig } from './config.ts'
import { jobOf, jobs } from './jobs.ts'
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
    vi.stubEnv('AWS_ENDPOINT_URL_S3', moto.url)
    vi.stubEnv('AWS_REGION', 'us-east-1')
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-of-the-test')
    const s3 = s3Client()
    await s3.send(new CreateBucketCommand({ Bucket: 'lake' }))
    s3.destroy()
    lake = await openStore('s3://lake')
    emr = await startFakeEmr({
      run: await localCluster(moto.url),
      log: (uri, bytes) => lake.put(uri.replace('s3://lake/', ''), bytes),
    })
    client = new EMRClient({ endpoint: emr.url })
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

  test('a job that fails shows what the script said', async () => {
    const none = run('clean', ['--recordings', 's3://lake/nothing-here'])
    const error = await none.catch((error: unknown) => error)
    expect(error).toMatchObject({
      cause: { code: 'EMR_STEP_FAILED' },
      message: expect.stringMatching(/nothing-here/),
    })
  })
})
