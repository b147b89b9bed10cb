import { afterEach, expect, test } from 'vitest'
import { LakeError } from '../lake/errors.ts'
import type { Observer } from '../spark-jobs/submit/observer.ts'
import { buildService } from './server.ts'
import { movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noLetters } from './testing/no-letters.ts'
import { noReleases } from './testing/no-releases.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** A cluster that is starting, and has run nothing. */
const starting: Observer = {
  clusters: async () => [
    {
      ...{ id: 'j-1', name: 'tickerwatch', state: 'STARTING', reason: null },
      ...{ createdAt: 1, readyAt: null, endedAt: null },
    },
  ],
  cluster: async () => undefined,
  utilisation: async () => undefined,
  runs: async () => [],
  retrainings: async () => [{ run: 'weekly', at: 7, report: null }],
  log: async (cluster, step) =>
    cluster === 'j-1' && step === 's-1' ? [{ url: 's3://logs/x', lines: ['<b>'], isCut: false }] : undefined,
  report: async job => (job === 'train' ? { at: 5, report: { windows: 3 } } : undefined),
}

async function service(observer?: Observer) {
  const errors: unknown[] = []
  const server = await buildService({
    source: movingSource(Date.now),
    releases: noReleases,
    deadLetters: noLetters,
    annotations: noAnnotations,
    emr: observer,
    token: 'secret',
    logger: { error: (error: unknown) => void errors.push(error) },
  })
  closing.push(() => server.close())
  const ask = (url: string, token?: string) =>
    server.inject({ url, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } })
  return { ask, errors }
}

test('where no cluster is configured it is said what to set, and nothing is logged', async () => {
  const { ask, errors } = await service()
  for (const url of [
    '/api/emr/clusters',
    '/api/spark/runs',
    '/api/spark/retrainings',
    '/api/spark/jobs/clean/report',
  ]) {
    const answer = await ask(url, 'secret')
    expect(answer.statusCode, url).toBe(200)
    expect(answer.json(), url).toEqual({ configured: false, toDo: expect.stringMatching(/--emr-config/) })
  }
  expect((await ask('/api/emr/clusters/j-1')).statusCode).toBe(404)
  expect((await ask('/api/spark/runs/j-1/s-1/log', 'secret')).statusCode).toBe(404)
  expect(errors).toEqual([])
})

test('jobs are told with the parameters and the source of their scripts', async () => {
  const { ask } = await service()
  const jobs = (await ask('/api/spark/jobs')).json()
  expect(jobs.map(({ name }: { name: string }) => name)).toEqual([
    ...['clean', 'statistics', 'features', 'train', 'evaluate'],
  ])
  expect(jobs[0]).toMatchObject({ script: 'clean.py', tables: ['readings', 'quarantine'] })
  expect(jobs[0].parameters).toContainEqual({
    ...{ option: '--out', needed: true, isSwitch: false, default: null, insteadOf: [] },
    help: 'gets readings/ and quarantine/; what is there is replaced',
    given: 'LAKE/processed',
  })
  for (const { name, parameters } of jobs) {
    expect(parameters.length, name).toBeGreaterThan(3)
    const { source } = (await ask(`/api/spark/jobs/${name}/source`)).json()
    for (const { option } of parameters) expect(source, `${name} ${option}`).toContain(`"${option}"`)
  }
  for (const name of ['nothing', '..%2Fconftest', 'clean.py'])
    expect((await ask(`/api/spark/jobs/${name}/source`)).statusCode, name).toBe(404)
})

test('clusters and runs are told to who looks; logs and reports to who bears the token', async () => {
  const { ask } = await service(starting)
  expect((await ask('/api/emr/clusters')).json()).toMatchObject({
    configured: true,
    clusters: [{ id: 'j-1' }],
  })
  expect((await ask('/api/spark/runs')).json()).toEqual({ configured: true, runs: [] })
  expect((await ask('/api/spark/retrainings')).json()).toMatchObject({ retrainings: [{ run: 'weekly' }] })
  for (const url of ['/api/spark/runs/j-1/s-1/log', '/api/spark/jobs/train/report'])
    expect((await ask(url)).statusCode, url).toBe(401)
  expect((await ask('/api/spark/runs/j-1/s-1/log', 'secret')).json()).toMatchObject({
    logs: [{ lines: ['<b>'] }],
  })
  const report = async (name: string) => (await ask(`/api/spark/jobs/${name}/report`, 'secret')).json()
  expect(await report('train')).toEqual({ configured: true, at: 5, report: { windows: 3 } })
  expect(await report('clean')).toEqual({ configured: true, at: null, report: null })
})

test('what is not there is 404, and what is no id 400', async () => {
  const { ask } = await service(starting)
  for (const url of ['/api/emr/clusters/j-2', '/api/emr/clusters/j-2/utilisation']) {
    const answer = await ask(url)
    expect(answer.statusCode, url).toBe(404)
    expect(answer.json().message, url).toMatch(/no cluster j-2/)
  }
  expect((await ask('/api/spark/runs/j-1/s-2/log', 'secret')).statusCode).toBe(404)
  expect((await ask(`/api/emr/clusters/${'j'.repeat(65)}`)).statusCode).toBe(400)
  expect((await ask('/api/emr/clusters/j_x')).statusCode).toBe(400)
})

test('what AWS refuses is 502 with what to do; it is no error of the node', async () => {
  const refused = () =>
    Promise.reject(new LakeError('AWS_CREDENTIALS_EXPIRED', 'listing the clusters failed'))
  const { ask, errors } = await service({
    ...starting,
    clusters: refused,
    runs: refused,
    retrainings: refused,
  })
  for (const url of ['/api/emr/clusters', '/api/spark/runs', '/api/spark/retrainings']) {
    const answer = await ask(url)
    expect(answer.statusCode, url).toBe(502)
    expect(answer.json(), url).toEqual({
      code: 'AWS_CREDENTIALS_EXPIRED',
      message: 'listing the clusters failed',
      remedy: expect.stringMatching(/^Log in anew/),
    })
  }
  expect(errors).toEqual([])
})
