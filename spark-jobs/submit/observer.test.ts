import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch'
import { EMRClient } from '@aws-sdk/client-emr'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LakeErrorCode } from '../../lake/errors.ts'
import { fileStore } from '../../lake/file-store.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { createCluster } from './cluster.ts'
import { parseConfig } from './config.ts'
import { jobOf, jobs } from './jobs.ts'
import { type Observer, observer } from './observer.ts'
import { addStep, sparkSubmit } from './step.ts'
import { type FakeCloudWatch, startFakeCloudWatch } from './testing/fake-cloudwatch.ts'
import { type FakeCluster, type FakeEmr, type StepResult, startFakeEmr } from './testing/fake-emr.ts'

const HOUR = 3_600_000
const given = {
  lake: 's3://lake',
  code: 's3://lake/code',
  logs: 's3://lake/logs',
  instances: { task: { type: 'x9.huge', count: 3, spot: true } },
}
const config = parseConfig(JSON.stringify(given), 'the configuration')
const code = { url: 's3://lake/code/abc/', modules: 's3://lake/m.zip', featureSchema: 's3://lake/f.json' }

let scratch: string
let lake: ObjectStore
let logs: ObjectStore
let emr: FakeEmr
let cloudWatch: FakeCloudWatch
let clients: { emr: EMRClient; cloudWatch: CloudWatchClient }
let seen: Observer
let shift: number
/** What steps do. */
let work: () => Promise<StepResult>

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'tickerwatch-observer-'))
  lake = fileStore(join(scratch, 'lake'))
  logs = fileStore(join(scratch, 'logs'))
  work = async () => ({ code: 0, stderr: '', driver: { stdout: 'cleaned 3 rows', stderr: 'INFO' } })
  emr = await startFakeEmr({
    run: () => work(),
    log: (uri, bytes) => logs.put(uri.replace('s3://lake/logs/', ''), bytes),
  })
  cloudWatch = await startFakeCloudWatch()
  const common = {
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' },
    maxAttempts: 1,
  }
  clients = {
    emr: new EMRClient({ ...common, endpoint: emr.url }),
    cloudWatch: new CloudWatchClient({ ...common, endpoint: cloudWatch.url }),
  }
  shift = 0
  seen = observer({ ...clients, config, lake, logs, now: () => Date.now() + shift })
})
afterEach(async () => {
  clients.emr.destroy()
  clients.cloudWatch.destroy()
  await emr.stop()
  await cloudWatch.stop()
  await rm(scratch, { recursive: true, force: true })
})

/** A cluster that waits, made as `tickerwatch emr` makes it. */
async function made(changes: Partial<FakeCluster> = {}): Promise<FakeCluster> {
  const id = await createCluster(clients.emr, config)
  const cluster = emr.clusters.find(each => each.id === id)!
  return Object.assign(cluster, { state: 'WAITING', readyAt: Date.now(), ...changes })
}

async function ran(cluster: FakeCluster, name: string, words: readonly string[] = []): Promise<string> {
  const job = jobOf(jobs.find(each => each.name === name)!, config.lake, words)
  const id = await addStep(clients.emr, cluster.id, name, sparkSubmit(job, code, undefined))
  const step = cluster.steps.find(each => each.id === id)!
  Object.assign(step, { state: 'COMPLETED', startedAt: Date.now(), endedAt: Date.now() })
  return id
}

const fails = (code: LakeErrorCode, text = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(text) })

test('clusters of this name are told with nodes, steps and an estimate; of others nothing', async () => {
  const cluster = await made({ createdAt: Date.now() - 2 * HOUR })
  emr.clusters.push({ ...cluster, id: 'j-other', name: 'other' })
  emr.clusters.push({ ...cluster, id: 'j-old', createdAt: Date.now() - 31 * 24 * HOUR })
  const step = await ran(cluster, 'clean', ['--timezone', 'UTC'])
  expect(await seen.clusters()).toEqual([
    expect.objectContaining({ id: cluster.id, name: 'tickerwatch', state: 'WAITING', endedAt: null }),
  ])
  const details = await seen.cluster(cluster.id)
  expect(details).toMatchObject({
    release: 'emr-7.13.0',
    tags: { 'tickerwatch:cluster': 'tickerwatch' },
    groups: [
      { role: 'MASTER', type: 'm6i.xlarge', requested: 1, running: 1, market: 'ON_DEMAND' },
      { role: 'CORE', type: 'm6i.2xlarge', requested: 2, running: 2 },
      { role: 'TASK', type: 'x9.huge', requested: 3, running: 3, market: 'SPOT' },
    ],
    steps: [{ id: step, job: 'clean', state: 'COMPLETED', words: expect.arrayContaining(['--timezone']) }],
    cost: {
      currency: 'USD',
      perHour: expect.closeTo(0.24 + 2 * 0.48),
      withoutPrice: ['x9.huge'],
      hasSpot: true,
    },
  })
  expect(details?.cost.soFar).toBeCloseTo(2 * 1.2, 2)
  expect(await seen.cluster('j-other')).toBeUndefined()
  expect(await seen.cluster('j-nothing')).toBeUndefined()
})

test('of a cluster that has ended the nodes that were asked for count, up to its end', async () => {
  const cluster = await made({
    state: 'TERMINATED',
    createdAt: Date.now() - 5 * HOUR,
    endedAt: Date.now() - 4 * HOUR,
  })
  const { cost } = (await seen.cluster(cluster.id))!
  expect(cost.soFar).toBeCloseTo(1.2, 2)
})

test('prices of the configuration go before the list', async () => {
  const prices = {
    ...{ currency: 'EUR', region: 'eu-central-1', asOf: '2026-11-01' },
    perHour: { 'm6i.xlarge': { ec2: 1, emr: 0.5 } },
  }
  const own = parseConfig(JSON.stringify({ ...given, prices }), 'the configuration')
  const cluster = await made()
  const costs = observer({ ...clients, config: own, lake, logs, now: Date.now })
  expect((await costs.cluster(cluster.id))?.cost).toMatchObject({
    ...{ currency: 'EUR', region: 'eu-central-1', asOf: '2026-11-01', perHour: 1.5 },
    withoutPrice: ['m6i.2xlarge', 'x9.huge'],
  })
})

test('runs are the steps that run a script of the jobs, of all clusters, with their logs', async () => {
  const [first, second] = [await made(), await made()]
  const trained = await ran(first, 'train')
  first.steps.push({ ...first.steps[0]!, id: 's-foreign', words: ['hadoop', 'distcp'] })
  work = async () => ({
    code: 1,
    stderr: 'x',
    driver: { stdout: 'Traceback\nValueError: nothing', stderr: '' },
  })
  const job = jobOf(jobs[0]!, config.lake, [])
  const id = await addStep(clients.emr, second.id, 'clean', sparkSubmit(job, code, undefined))
  await expect
    .poll(async () => {
      shift += 20_000
      return (await seen.runs()).map(({ job, state }) => `${job} ${state}`).sort()
    })
    .toEqual(['clean PENDING', 'train COMPLETED'])
  await clients.emr.send(
    new (await import('@aws-sdk/client-emr')).DescribeStepCommand({ ClusterId: second.id, StepId: id }),
  )
  await expect.poll(() => second.steps[0]?.state).toBe('FAILED')
  shift += 20_000
  const run = (await seen.runs()).find(each => each.id === id)
  expect(run).toMatchObject({ state: 'FAILED', reason: expect.stringContaining('Unknown Error') })
  const [stdout] = (await seen.log(second.id, id))!
  expect(stdout).toMatchObject({
    url: expect.stringMatching(/stdout\.gz$/),
    lines: ['Traceback', 'ValueError: nothing'],
  })
  expect(await seen.log(first.id, trained)).toEqual([])
  expect(await seen.log(first.id, 's-nothing')).toBeUndefined()
  expect(await seen.log('j-nothing', id)).toBeUndefined()
})

test('what a job reported last is read from the lake', async () => {
  expect(await seen.report('clean')).toBeUndefined()
  expect(await seen.report('../secret')).toBeUndefined()
  await lake.put('reports/train.json', Buffer.from('{"windows": 3}'))
  expect(await seen.report('train')).toMatchObject({ report: { windows: 3 } })
  await lake.put('reports/evaluate.json', Buffer.from('{'))
  expect(await seen.report('evaluate')).toMatchObject({ report: '{' })
})

test('what retrainings came to is read from the lake', async () => {
  expect(await seen.retrainings()).toEqual([])
  shift += 61_000
  const report = {
    ...{ candidate: 'watch@2.1.0', serving: 'watch@2.0.0', newlyLabelled: 120, promoted: false },
    unseen: { people: 6, windows: 900, candidate: 0.8, serving: 0.79, difference: 0.01, lowerBound: -0.02 },
    ...{ randomArm: { windows: 0, candidate: null, serving: null }, objections: ['not surely better'] },
  }
  await lake.put('retraining/watermark.json', Buffer.from('{}'))
  await lake.put('retraining/first/begun.json', Buffer.from('{}'))
  await lake.put('retraining/first/report.json', Buffer.from(JSON.stringify(report)))
  await lake.put('retraining/broken/report.json', Buffer.from('{'))
  await lake.put('retraining/second/begun.json', Buffer.from('{}'))
  const told = await seen.retrainings()
  expect(told.map(({ run }) => run).sort()).toEqual(['broken', 'first', 'second'])
  expect(told.filter(({ report }) => report !== null)).toMatchObject([
    { run: 'first', report: { candidate: 'watch@2.1.0', unseen: { lowerBound: -0.02 }, promoted: false } },
  ])
})

test('how busy a cluster is comes from CloudWatch; what it does not know is empty', async () => {
  const cluster = await made()
  const at = Math.floor(Date.now() / 1000) * 1000 - 600_000
  cloudWatch.metrics.set(`${cluster.id} YARNMemoryAvailablePercentage`, [
    [at, 25],
    [at + 300_000, 40],
  ])
  const { series } = (await seen.utilisation(cluster.id))!
  expect(series[0]).toMatchObject({
    name: 'memoryUsed',
    points: [
      { at, value: 75 },
      { at: at + 300_000, value: 60 },
    ],
  })
  expect(series[1]?.points).toEqual([])
  expect(await seen.utilisation('j-nothing')).toBeUndefined()
})

test('however many ask, AWS is asked once in a while', async () => {
  const cluster = await made()
  await ran(cluster, 'clean')
  emr.calls.length = 0
  await Promise.all(Array.from({ length: 50 }, () => Promise.all([seen.cluster(cluster.id), seen.runs()])))
  for (let i = 0; i < 20; i++) await seen.utilisation(cluster.id)
  expect(emr.calls.sort()).toEqual(['DescribeCluster', 'ListClusters', 'ListInstanceGroups', 'ListSteps'])
  expect(cloudWatch.calls).toBe(1)
  shift += 16_000
  await seen.clusters()
  expect(emr.calls.filter(call => call === 'ListClusters')).toHaveLength(2)
})

test('what AWS refuses is told in one line with what to do, and not asked again at once', async () => {
  const cluster = await made()
  emr.refuse = { type: 'ExpiredTokenException', message: 'expired' }
  await expect(seen.clusters()).rejects.toEqual(fails('AWS_CREDENTIALS_EXPIRED', 'listing the clusters'))
  const asked = emr.calls.length
  await expect(seen.runs()).rejects.toEqual(fails('AWS_CREDENTIALS_EXPIRED'))
  expect(emr.calls).toHaveLength(asked)
  emr.refuse = { type: 'AccessDeniedException', message: 'not authorized to perform ListClusters' }
  shift += 16_000
  await expect(seen.clusters()).rejects.toEqual(fails('AWS_ACCESS_DENIED', 'ListClusters'))
  emr.refuse = undefined
  shift += 16_000
  cloudWatch.refuse = { type: 'AccessDeniedException', message: 'not authorized to perform GetMetricData' }
  await expect(seen.utilisation(cluster.id)).rejects.toEqual(fails('AWS_ACCESS_DENIED', 'GetMetricData'))
  expect((await seen.cluster(cluster.id))?.id).toBe(cluster.id)
})

test('where nothing listens or nobody answers, that is said within some seconds', async () => {
  emr.silent = true
  const hasty = observer({ ...clients, config, lake, logs, now: Date.now, patience: 300 })
  await expect(hasty.clusters()).rejects.toEqual(fails('AWS_UNREACHABLE', 'no answer within 0.3 s'))
  await emr.stop()
  shift += 16_000
  await expect(seen.clusters()).rejects.toEqual(fails('AWS_UNREACHABLE'))
})
