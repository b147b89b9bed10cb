import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EMRClient } from '@aws-sdk/client-emr'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fileStore } from '../../lake/file-store.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { type EmrConfig, parseConfig } from './config.ts'
import type { SubmitErrorCode } from './errors.ts'
import { type SubmitOptions, submit } from './submit.ts'
import { type FakeEmr, type StepResult, startFakeEmr } from './testing/fake-emr.ts'

const config: EmrConfig = parseConfig(
  JSON.stringify({
    lake: 's3://lake/',
    code: 's3://lake/code',
    logs: 's3://lake/logs',
    environment: 's3://lake/code/environment.tar.gz',
    instances: { task: { type: 'm6i.large', count: 3, spot: true } },
    tags: { 'cost-center': 'watches' },
  }),
  'the configuration',
)
const job = {
  name: 'clean',
  script: 'train.py',
  words: (code: string) => ['--table', `${code}labels/casas.csv`],
}

let scratch: string
let code: ObjectStore
let logs: ObjectStore
let emr: FakeEmr
let client: EMRClient
let stopping: AbortController
let said: string[]
let ran: string[][]
/** What steps do. */
let work: (signal: AbortSignal) => Promise<StepResult>

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'tickerwatch-emr-'))
  code = fileStore(join(scratch, 'code'))
  logs = fileStore(join(scratch, 'logs'))
  stopping = new AbortController()
  said = []
  ran = []
  work = async () => ({ code: 0, stderr: '' })
  emr = await startFakeEmr({
    run: async (words, signal) => {
      ran.push([...words])
      return await work(signal)
    },
    log: (uri, bytes) => logs.put(uri.replace('s3://lake/logs/', ''), bytes),
  })
  client = new EMRClient({
    endpoint: emr.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' },
    maxAttempts: 1,
  })
})
afterEach(async () => {
  client.destroy()
  await emr.stop()
  await rm(scratch, { recursive: true, force: true })
})

function submitted(options: Partial<SubmitOptions> = {}) {
  let now = 0
  return submit(job, {
    emr: client,
    config,
    code,
    logs,
    signal: stopping.signal,
    keep: false,
    poll: 10_000,
    wait: async milliseconds => {
      now += milliseconds
      await new Promise(resolve => setImmediate(resolve))
    },
    now: () => now,
    say: line => said.push(line),
    ...options,
  })
}

function raised(code: SubmitErrorCode, text = ''): object {
  return expect.objectContaining({ code, message: expect.stringContaining(text) })
}

test('without a cluster one is made, and runs the job with code that is named by its contents', async () => {
  const done = await submitted()
  expect(done).toMatchObject({ created: true, cluster: emr.clusters[0]?.id })
  expect(emr.clusters[0]).toMatchObject({ state: 'WAITING', steps: [{ state: 'COMPLETED' }] })
  expect(emr.clusters[0]?.request).toMatchObject({
    ReleaseLabel: 'emr-7.13.0',
    LogUri: 's3://lake/logs/',
    Tags: [
      { Key: 'cost-center', Value: 'watches' },
      { Key: 'tickerwatch:cluster', Value: 'tickerwatch' },
    ],
  })

  const words = ran[0] ?? []
  expect(words[0]).toBe('spark-submit')
  expect(words.at(words.indexOf('--archives') + 1)).toBe('s3://lake/code/environment.tar.gz#environment')
  const script = words.find(word => word.endsWith('/train.py')) ?? ''
  const folder = script.replace(code.url, '').replace('/train.py', '')
  expect(words.slice(words.indexOf(script) + 1)).toEqual(job.words(`${code.url}${folder}/`))
  expect(folder).toMatch(/^[0-9a-f]{16}$/)
  for (const name of ['train.py', 'modules.zip', 'features.json'])
    expect((await code.stat(`${folder}/${name}`))?.size, name).toBeGreaterThan(0)
})

test('a cluster that is there is used again; one of another release, name or owner is not', async () => {
  await submitted()
  const first = emr.clusters[0]!
  expect(await submitted()).toMatchObject({ created: false, cluster: first.id })
  emr.clusters.push({ ...first, id: 'j-other-release', release: 'emr-6.0.0', steps: [] })
  emr.clusters.push({ ...first, id: 'j-other-owner', tags: [], steps: [] })
  emr.clusters.push({ ...first, id: 'j-other-name', name: 'x', steps: [] })
  emr.clusters.splice(0, 1)
  const third = await submitted()
  expect(third.created).toBe(true)
  expect(['j-other-release', 'j-other-owner', 'j-other-name']).not.toContain(third.cluster)
})

test('a cluster that is still starting is waited for', async () => {
  await submitted()
  emr.clusters[0]!.state = 'STARTING'
  expect(await submitted()).toMatchObject({ created: false })
})

test('a step that fails shows its log, and the cluster made for it is terminated', async () => {
  work = async () => ({ code: 1, stderr: 'Traceback\nValueError: no recordings in s3://lake/staging\n' })
  await expect(submitted()).rejects.toEqual(raised('EMR_STEP_FAILED', 'the step clean'))
  expect(said).toContain('ValueError: no recordings in s3://lake/staging')
  expect(emr.clusters[0]?.state).toBe('TERMINATING')
})

test('what the script said in its container is shown, from its traceback on', async () => {
  const stdout =
    'so far so good\nTraceback (most recent call last):\n  File "clean.py"\nValueError: no recordings\n'
  work = async () => ({
    code: 1,
    stderr: 'spark-submit: failed',
    driver: { stdout, stderr: 'INFO much\nINFO more' },
  })
  await expect(submitted()).rejects.toEqual(raised('EMR_STEP_FAILED'))
  const from = said.findIndex(line => line.includes('_000001/stdout.gz'))
  expect(said.slice(from + 1, from + 4)).toEqual(stdout.trimEnd().split('\n').slice(1))
  expect(said).not.toContain('INFO more')
})

test('with keep, and on a cluster that was there, a failure leaves the cluster running', async () => {
  work = async () => ({ code: 1, stderr: 'x' })
  await expect(submitted({ keep: true })).rejects.toEqual(raised('EMR_STEP_FAILED'))
  await expect(submitted()).rejects.toEqual(raised('EMR_STEP_FAILED'))
  expect(emr.clusters.map(({ state }) => state)).toEqual(['WAITING'])
})

test('a log that does not come is waited for a while, and said to be missing', async () => {
  work = async () => ({ code: 1, stderr: '' })
  await expect(submitted()).rejects.toEqual(raised('EMR_STEP_FAILED'))
  expect(said.some(line => line.startsWith('No log came to'))).toBe(true)
})

test('a cluster that cannot start is told with the reason', async () => {
  emr.startFails = { Code: 'VALIDATION_ERROR', Message: 'The instance type m6i.2xlarge is not supported' }
  const failed = raised('EMR_CLUSTER_FAILED', 'm6i.2xlarge is not supported')
  await expect(submitted()).rejects.toEqual(failed)
  expect(ran).toEqual([])
})

test('interrupted while the step runs: the step is cancelled, the cluster terminated', async () => {
  work = signal =>
    new Promise(resolve => {
      signal.addEventListener('abort', () => resolve({ code: 143, stderr: '' }))
      stopping.abort()
    })
  await expect(submitted()).rejects.toEqual(raised('EMR_INTERRUPTED'))
  expect(emr.clusters[0]).toMatchObject({ state: 'TERMINATING', steps: [{ state: 'CANCELLED' }] })
})

test('interrupted while the cluster starts: nothing is left', async () => {
  const say = (line: string) => {
    said.push(line)
    if (line.includes('starting')) stopping.abort()
  }
  await expect(submitted({ say })).rejects.toEqual(raised('EMR_INTERRUPTED'))
  expect(emr.clusters[0]).toMatchObject({ state: 'TERMINATING', steps: [] })
})

test('a step that somebody else cancels', async () => {
  work = async () => {
    emr.clusters[0]!.steps[0]!.state = 'CANCELLED'
    return { code: 143, stderr: '' }
  }
  await expect(submitted()).rejects.toEqual(raised('EMR_STEP_CANCELLED'))
})

test('a cluster that ends under a step is told with the reason', async () => {
  const lost = { Code: 'INSTANCE_FAILURE', Message: 'All instances of the core group were reclaimed' }
  work = async () => {
    const [cluster] = emr.clusters
    Object.assign(cluster!, { state: 'TERMINATED_WITH_ERRORS', reason: lost })
    cluster!.steps[0]!.state = 'CANCELLED'
    return { code: 143, stderr: '' }
  }
  await expect(submitted()).rejects.toEqual(
    raised(
      'EMR_CLUSTER_FAILED',
      'ended under the step clean: INSTANCE_FAILURE All instances of the core group',
    ),
  )
})

test('when EMR cannot be asked any more, it says what may be left running', async () => {
  work = async () => {
    emr.refuse = { type: 'ExpiredTokenException', message: 'expired' }
    return { code: 0, stderr: '' }
  }
  await expect(submitted()).rejects.toEqual(expect.objectContaining({ code: 'AWS_CREDENTIALS_EXPIRED' }))
  const left = said.filter(line => line.endsWith('look into the console of EMR'))
  expect(left).toEqual([
    expect.stringContaining('cancelling the step s-'),
    expect.stringContaining('terminating the cluster j-'),
  ])
})

test('what AWS refuses is told in one line', async () => {
  emr.refuse = {
    type: 'AccessDeniedException',
    message: 'not authorized to perform elasticmapreduce:ListClusters',
  }
  await expect(submitted()).rejects.toEqual(
    expect.objectContaining({ code: 'AWS_ACCESS_DENIED', message: expect.stringContaining('ListClusters') }),
  )
  emr.refuse = { type: 'ExpiredTokenException', message: 'expired' }
  await expect(submitted()).rejects.toEqual(expect.objectContaining({ code: 'AWS_CREDENTIALS_EXPIRED' }))
})

test('what a configuration leaves out is as the README says', () => {
  const least = parseConfig(
    '{"lake":"s3://lake/","code":"s3://lake/code","logs":"s3://lake/logs"}',
    'emr.json',
  )
  expect(least).toEqual({
    lake: 's3://lake',
    code: 's3://lake/code',
    logs: 's3://lake/logs',
    database: 'tickerwatch',
    cluster: 'tickerwatch',
    release: 'emr-7.13.0',
    instances: { primary: 'm6i.xlarge', core: { type: 'm6i.2xlarge', count: 2, spot: false } },
    serviceRole: 'EMR_DefaultRole',
    instanceProfile: 'EMR_EC2_DefaultRole',
    idleMinutes: 30,
    tags: {},
  })
})

test('all mistakes of a configuration are told at once', () => {
  const wrong = {
    code: 'lake/code',
    release: '7.13',
    instances: { core: { type: 'large', count: 0 } },
    zone: 1,
  }
  const parse = () => parseConfig(JSON.stringify(wrong), 'emr.json')
  expect(parse).toThrow(raised('EMR_CONFIG_INVALID', 'emr.json: '))
  for (const part of [
    'code: s3://',
    'release: a release',
    'logs',
    'instances.core.type',
    'instances.core.count',
    'zone',
  ])
    expect(parse, part).toThrow(part)
  expect(() => parseConfig('{', 'emr.json')).toThrow(raised('EMR_CONFIG_INVALID', 'is no JSON'))
})
