/** The DAG in a real Airflow: a fake EMR whose steps are truly run on a Spark of this machine, moto's S3, a running node. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { EMRClient } from '@aws-sdk/client-emr'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { ObjectStore } from '../../lake/object-store.ts'
import { openStore } from '../../lake/open-store.ts'
import { s3Client } from '../../lake/s3-store.ts'
import { motoUnavailable, type RunningMoto, startMoto } from '../../lake/testing/moto.ts'
import { encodeSamples, type StoredAnnotation } from '../../processors/feature-store/sample-file.ts'
import { featureSchema } from '../../processors/features/schema.ts'
import { releaseJson, type UnpublishedRelease } from '../../processors/models/release.ts'
import { shippedRelease } from '../../processors/models/shipped.ts'
import { openRecordings } from '../../processors/recordings/reader.ts'
import { type LabelledWindow, labelledWindows } from '../../processors/retraining/labelled-windows.ts'
import type { SensorReading } from '../../schemas/index.ts'
import { createCluster } from '../../spark-jobs/submit/cluster.ts'
import { readConfig } from '../../spark-jobs/submit/config.ts'
import { type FakeEmr, type StepResult, startFakeEmr } from '../../spark-jobs/submit/testing/fake-emr.ts'
import { localCluster, sparkUnavailable } from '../../spark-jobs/submit/testing/local-cluster.ts'
import { printed, type Scratch, scratch } from '../../test/node-process.ts'
import { plainEnvironment, tickerwatch } from '../../test/tickerwatch.ts'
import { airflowUnavailable, startAirflow, type TestAirflow } from './testing/airflow.ts'

const unavailable = airflowUnavailable() ?? motoUnavailable() ?? sparkUnavailable()
const DAG = 'tickerwatch_retrain'
const STEPS = ['features', 'train', 'evaluate_serving', 'evaluate_candidate']
/** Recordings of these are trained on, of the others it is measured. */
const TRAINED = 6
const recordedPerson = 'pocket-01'
const unseenPerson = 'pocket-10'

type Runner = (words: readonly string[], signal: AbortSignal) => Promise<StepResult>

describe.skipIf(unavailable !== undefined)(`retraining by Airflow ${unavailable ?? ''}`, () => {
  let directory: string
  let own: Scratch
  let moto: RunningMoto
  let lake: ObjectStore
  let emr: FakeEmr
  let node: ChildProcess
  let airflow: TestAirflow
  let alertmanager: Server
  let alerts: unknown[]
  /** What steps do. */
  let runStep: Runner
  let local: Runner
  let parent: UnpublishedRelease

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tickerwatch-retrain-'))
    own = await scratch()
    node = own.start('node', '--model', 'pocket', '--devices', '1')
    const said = printed(node)
    moto = await startMoto()
    vi.stubEnv('AWS_ENDPOINT_URL_S3', moto.url)
    vi.stubEnv('AWS_REGION', 'us-east-1')
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-of-the-test')
    const s3 = s3Client()
    await s3.send(new CreateBucketCommand({ Bucket: 'lake' }))
    s3.destroy()
    lake = await openStore('s3://lake')
    local = await localCluster(moto.url)
    emr = await startFakeEmr({
      run: (words, signal) => runStep(words, signal),
      log: (uri, bytes) => lake.put(uri.replace('s3://lake/', ''), bytes),
    })
    alertmanager = createServer(async (request, response) => {
      alerts.push(...JSON.parse(await text(request)))
      response.end()
    }).listen(0, '127.0.0.1')
    await once(alertmanager, 'listening')
    await writeFile(
      join(directory, 'emr.json'),
      JSON.stringify({ lake: 's3://lake', code: 's3://lake/code', logs: 's3://lake/logs' }),
    )
    await fillLake()
    const address = alertmanager.address()
    airflow = await startAirflow({
      ...plainEnvironment(),
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ENDPOINT_URL_EMR: emr.url,
      TICKERWATCH_COMMAND: `${process.execPath} ${join(process.cwd(), 'cli/tickerwatch.mjs')}`,
      TICKERWATCH_STATE: own.path('node'),
      TICKERWATCH_EMR_CONFIG: join(directory, 'emr.json'),
      TICKERWATCH_EMR_POLL: '1',
      TICKERWATCH_ALERTMANAGER: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    })
    await vi.waitFor(() => expect(said()).toContain('console'), { timeout: 120_000 })
    // A release whose labels are shuffled is right about nothing.
    const shipped = await shippedRelease('pocket')
    parent = { ...shipped, version: '5.0.0', labels: [...shipped.labels.slice(1), shipped.labels[0] ?? ''] }
    const file = join(directory, 'parent.json')
    await writeFile(file, JSON.stringify(releaseJson(parent)))
    const published = await tickerwatch('models', 'publish', file, '--promote', '--state', own.path('node'))
    expect(published.code, published.stderr.join('\n')).toBe(0)
  })
  afterEach(() => {
    emr?.clusters.splice(0)
  })
  afterAll(async () => {
    await airflow?.remove()
    alertmanager?.close()
    await emr?.stop()
    await lake?.close()
    await moto?.stop()
    node?.kill('SIGTERM')
    if (node?.exitCode === null) await once(node, 'exit')
    await own?.remove()
    await rm(directory, { recursive: true, force: true })
    vi.unstubAllEnvs()
  })

  /** Readings of some people, features of others, and labels that people gave. */
  async function fillLake(): Promise<void> {
    const recorded = join(directory, 'recorded')
    const unseen = join(directory, 'unseen')
    await mkdir(unseen)
    const made = ['--devices', '10', '--for', '15m', '--profile', 'pocket']
    expect((await tickerwatch('generate', '--out', recorded, ...made)).code).toBe(0)
    for (const name of (await readdir(recorded)).sort().slice(TRAINED))
      await rename(join(recorded, name), join(unseen, name))

    const readings: SensorReading[] = []
    const recordings = await openRecordings(recorded, { now: Date.now })
    for await (const events of recordings.events())
      for (const event of events) if (event.kind === 'reading') readings.push(event.reading)
    for (const [person, rows] of byPerson(readings)) await lake.put(readingsKey(person), readingsFile(rows))
    for (const [person, rows] of byPerson(await labelledWindows(unseen)))
      await lake.put(featuresKey(person), featuresFile(rows))
    const some = (await labelledWindows(recorded)).slice(0, 40)
    await annotate(0, some)
  }

  /** As the feature store's writer leaves it. */
  async function annotate(from: number, windows: readonly LabelledWindow[]): Promise<void> {
    const rows = windows.map((window, i) => annotation(window, from + i))
    const file = `data/features=${featureSchema.hash}/day=2026-01-05/log-0-${from}.parquet`
    await lake.put(`feature-store/${file}`, encodeSamples(rows))
    const commit = JSON.stringify({ next: from + rows.length, files: [file], rows: rows.length })
    await lake.put(`feature-store/commits/log/0/${String(from).padStart(16, '0')}.json`, Buffer.from(commit))
  }

  async function retrain(conf: object = {}) {
    alerts = []
    return await airflow.test(DAG, { at_least: 30, ...conf }, {})
  }

  async function reportOfTraining(): Promise<string> {
    for await (const { key } of lake.list('retraining/')) if (key.endsWith('/train.json')) return key
    throw new Error('no report of a training')
  }

  const states = () => emr.clusters.map(({ state }) => state)

  /** Leaves what the jobs would, without Spark: a candidate that is the parent, and how both do. */
  const scripted: Runner = async words => {
    // What is said last holds.
    const value = (option: string) => words.at(words.lastIndexOf(option) + 1) ?? ''
    const put = (url: string, content: object) =>
      lake.put(url.replace('s3://lake/', ''), Buffer.from(JSON.stringify(content)))
    const script = words.find(word => word.endsWith('.py')) ?? ''
    if (script.endsWith('train.py'))
      await put(value('--release'), { ...releaseJson(parent), version: value('--version') })
    if (script.endsWith('evaluate.py')) {
      const perPerson = Object.fromEntries(['a', 'b', 'c'].map(name => [name, { windows: 9, macroF1: 0.5 }]))
      await put(value('--report'), { release: 'x', featureSchemaHash: featureSchema.hash, perPerson })
    }
    return { code: 0, stderr: '' }
  }

  test('the DAG is imported without errors', () => {
    expect(airflow.dags).toEqual({ errors: {}, ids: [DAG] })
  })

  test('a better candidate is trained on a cluster of its own, and promoted', async () => {
    runStep = local
    const run = await retrain({ training: ['--no-network', '--rounds', '4', '--folds', '3'] })
    expect(run.tasks, run.log.slice(-5000)).toEqual({
      ...Object.fromEntries(STEPS.map(name => [name, 'success'])),
      begin: 'success',
      choose_cluster: 'success',
      create_cluster: 'success',
      end: 'success',
      leave_nothing_running: 'success',
    })
    expect(run.returned.end).toMatchObject({
      candidate: 'pocket@5.1.0',
      serving: 'pocket@5.0.0',
      newlyLabelled: 40,
      unseen: { people: 4 },
      promoted: true,
      objections: [],
    })
    expect(states()).toEqual(['TERMINATING'])
    const { windowsByPerson } = JSON.parse(String(await lake.get(await reportOfTraining())))
    expect(windowsByPerson).toMatchObject({ labelled: 40, [recordedPerson]: expect.any(Number) })
    expect(Object.keys(windowsByPerson)).not.toContain(unseenPerson)
    const { stdout } = await tickerwatch('models', 'list', '--state', own.path('node'), '--json')
    expect(JSON.parse(stdout.join(''))).toMatchObject({ inForce: { name: 'pocket', version: '5.1.0' } })
    expect(alerts).toEqual([])
  })

  test('without new labels there is nothing to do, and it says so', async () => {
    const run = await retrain()
    expect(run.state).toBe('success')
    expect(run.tasks).toMatchObject({ begin: 'skipped', train: 'skipped', end: 'skipped' })
    expect(run.log).toContain('0 windows were labelled since the last time, and 30 are wanted')
    expect(emr.clusters).toEqual([])
  })

  test('a candidate that is no better is published, with the reason why it does not serve', async () => {
    runStep = scripted
    const client = new EMRClient({ endpoint: emr.url })
    await createCluster(client, await readConfig(join(directory, 'emr.json')))
    client.destroy()
    await annotate(40, (await labelledWindows(join(directory, 'unseen'))).slice(0, 35))
    const run = await retrain()
    expect(run.state, run.log.slice(-5000)).toBe('success')
    expect(run.returned.end).toMatchObject({
      candidate: 'pocket@5.2.0',
      serving: 'pocket@5.1.0',
      newlyLabelled: 35,
      promoted: false,
      objections: [expect.stringContaining('its macro-F1 on unseen people differs by 0.0000')],
    })
    expect(run.log).toContain('pocket@5.2.0 is not promoted: its macro-F1')
    // The cluster that was there was used, and is left.
    expect(run.tasks).toMatchObject({ create_cluster: 'skipped', leave_nothing_running: 'success' })
    expect(emr.clusters).toMatchObject([
      { state: 'WAITING', steps: STEPS.map(() => ({ state: 'COMPLETED' })) },
    ])
  })

  test('a step that fails leaves no cluster, and one alert', async () => {
    runStep = async words =>
      words.some(word => word.endsWith('train.py')) ? { code: 1, stderr: 'x' } : await scripted(words, stop)
    const run = await retrain({ at_least: 0 })
    expect(run.state).toBe('failed')
    expect(run.tasks).toMatchObject({
      train: 'failed',
      evaluate_candidate: 'upstream_failed',
      end: 'upstream_failed',
      leave_nothing_running: 'success',
    })
    expect(states()).toEqual(['TERMINATING'])
    const summary = expect.stringMatching(/failed in train: EMR Steps failed/)
    expect(alerts).toEqual([expect.objectContaining({ annotations: { summary } })])
    // It was tried once more.
    expect(emr.clusters[0]?.steps.map(({ name, state }) => [name.split(' ')[0], state])).toEqual([
      ['features', 'COMPLETED'],
      ['train', 'FAILED'],
      ['train', 'FAILED'],
    ])
  })

  const stop = new AbortController().signal
})

function byPerson<T extends { readonly deviceId: string }>(all: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const each of all) {
    const group = groups.get(each.deviceId) ?? []
    groups.set(each.deviceId, group)
    group.push(each)
  }
  return groups
}

/** Columns of clean.py that features are made of. */
function readingsFile(rows: readonly SensorReading[]): Uint8Array {
  const numbers = featureSchema.fields.map(field => ({
    name: field,
    data: rows.map(row => Object.entries(row).find(([name]) => name === field)?.[1] ?? null),
    type: 'DOUBLE' as const,
    nullable: true,
  }))
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: 'stamp', data: rows.map(({ stamp }) => BigInt(stamp)), type: 'INT64' },
        { name: 'label', data: rows.map(({ userActivityLabel }) => userActivityLabel), type: 'STRING' },
        ...numbers,
      ],
    }),
  )
}

/** Of extract_features.py. */
function featuresFile(rows: readonly LabelledWindow[]): Uint8Array {
  const required = { repetition_type: 'REQUIRED' } as const
  return new Uint8Array(
    parquetWriteBuffer({
      schema: [
        { name: 'window', num_children: 4 },
        { name: 'start', type: 'INT64', ...required },
        { name: 'label', type: 'BYTE_ARRAY', converted_type: 'UTF8', ...required },
        { name: 'turned', type: 'BOOLEAN', ...required },
        { name: 'features', num_children: 1, converted_type: 'LIST', ...required },
        { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
        { name: 'element', type: 'FLOAT', ...required },
      ],
      columnData: [
        { name: 'start', data: rows.map(({ start }) => BigInt(start)) },
        { name: 'label', data: rows.map(({ label }) => label) },
        { name: 'turned', data: rows.map(() => false) },
        { name: 'features', data: rows.map(({ features }) => [...features]) },
      ],
    }),
  )
}

function readingsKey(person: string): string {
  return `processed/readings/person=${person}/day=2026-01-05/part-0.parquet`
}

function featuresKey(person: string): string {
  return `unseen/features/schema=${featureSchema.hash}/person=${person}/part-0.parquet`
}

function annotation(window: LabelledWindow, offset: number): StoredAnnotation {
  const { start, label, features } = window
  return {
    deviceId: 'labelled',
    windowStart: start,
    windowEnd: start + 5000,
    verdict: 'labelled',
    label,
    annotator: 'anna',
    annotatedAt: start + 60_000,
    arm: 'unsure',
    predicted: label,
    modelName: 'pocket',
    modelVersion: '5.0.0',
    featureSchemaHash: featureSchema.hash,
    features: [...features],
    logId: 'log',
    partition: 0,
    offset,
  }
}
