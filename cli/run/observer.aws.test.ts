/** What a node with --emr-config sees: AWS's own clients as the environment sets them up, on a fake EMR and CloudWatch and moto's S3. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EMRClient } from '@aws-sdk/client-emr'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openStore } from '../../lake/open-store.ts'
import { s3Client } from '../../lake/s3-store.ts'
import { awsAt } from '../../lake/testing/aws-environment.ts'
import { motoUnavailable, type RunningMoto, startMoto } from '../../lake/testing/moto.ts'
import { createCluster } from '../../spark-jobs/submit/cluster.ts'
import { readConfig } from '../../spark-jobs/submit/config.ts'
import { jobOf, jobs } from '../../spark-jobs/submit/jobs.ts'
import { addStep, sparkSubmit } from '../../spark-jobs/submit/step.ts'
import { type FakeCloudWatch, startFakeCloudWatch } from '../../spark-jobs/submit/testing/fake-cloudwatch.ts'
import { type FakeEmr, startFakeEmr } from '../../spark-jobs/submit/testing/fake-emr.ts'
import { openObserver } from './observer.ts'

const unavailable = motoUnavailable()

describe.skipIf(unavailable !== undefined)(`what a node sees of EMR ${unavailable ?? ''}`, () => {
  let directory: string
  let file: string
  let moto: RunningMoto
  let emr: FakeEmr
  let cloudWatch: FakeCloudWatch
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tickerwatch-observer-'))
    file = join(directory, 'emr.json')
    const places = { lake: 's3://lake', code: 's3://lake/code', logs: 's3://lake/logs' }
    await writeFile(file, JSON.stringify(places))
    moto = await startMoto()
    awsAt(moto.url)
    const s3 = s3Client()
    await s3.send(new CreateBucketCommand({ Bucket: 'lake' }))
    s3.destroy()
    const lake = await openStore('s3://lake')
    emr = await startFakeEmr({
      run: async () => ({ code: 0, stderr: '', driver: { stdout: 'cleaned', stderr: '' } }),
      log: (uri, bytes) => lake.put(uri.replace('s3://lake/', ''), bytes),
    })
    cloudWatch = await startFakeCloudWatch()
    vi.stubEnv('AWS_ENDPOINT_URL_EMR', emr.url)
    vi.stubEnv('AWS_ENDPOINT_URL_CLOUDWATCH', cloudWatch.url)
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await emr?.stop()
    await cloudWatch?.stop()
    await moto?.stop()
    await rm(directory, { recursive: true, force: true })
  })

  test('clusters, use, runs and the logs in S3', async () => {
    const config = await readConfig(file)
    const client = new EMRClient()
    const id = await createCluster(client, config)
    const cluster = emr.clusters[0]!
    cluster.state = 'WAITING'
    const code = { url: 's3://lake/code/a/', modules: 's3://lake/m.zip', featureSchema: 's3://lake/f.json' }
    const step = await addStep(
      client,
      id,
      'clean',
      sparkSubmit(jobOf(jobs[0]!, config.lake, []), code, undefined),
    )
    cloudWatch.metrics.set(`${id} AppsRunning`, [[Date.now() - 600_000, 1]])
    let now = Date.now()
    const seen = await openObserver(file, () => now)
    try {
      expect(await seen.cluster(id)).toMatchObject({ id, groups: [{ role: 'MASTER' }, { role: 'CORE' }] })
      await expect
        .poll(async () => {
          now += 60_000
          await seen.cluster(id)
          return (await seen.runs())[0]?.state
        })
        .toBe('COMPLETED')
      const logs = await seen.log(id, step)
      expect(logs?.[0]).toMatchObject({
        url: expect.stringMatching(/^s3:\/\/lake\/logs\/j-.*stdout\.gz$/),
        lines: ['cleaned'],
      })
      const series = (await seen.utilisation(id))?.series
      expect(series?.find(({ name }) => name === 'appsRunning')?.points).toMatchObject([{ value: 1 }])
      expect(await seen.report('clean')).toBeUndefined()
    } finally {
      await seen.close()
      client.destroy()
    }
  })

  test('credentials that are no more, a bucket that is gone and an endpoint that is away are told', async () => {
    const gone = join(directory, 'gone.json')
    await writeFile(gone, JSON.stringify({ lake: 's3://gone', code: 's3://lake/c', logs: 's3://lake/l' }))
    const noBucket = await openObserver(gone, Date.now)
    await expect(noBucket.report('train')).rejects.toMatchObject({ code: 'S3_BUCKET_MISSING' })
    await noBucket.close()

    emr.refuse = { type: 'ExpiredTokenException', message: 'expired' }
    const expired = await openObserver(file, Date.now)
    await expect(expired.clusters()).rejects.toMatchObject({ code: 'AWS_CREDENTIALS_EXPIRED' })
    await expired.close()
    emr.refuse = undefined

    vi.stubEnv('AWS_ENDPOINT_URL_EMR', 'http://127.0.0.1:9')
    const away = await openObserver(file, Date.now)
    await expect(away.clusters()).rejects.toMatchObject({ code: 'AWS_UNREACHABLE' })
    await away.close()
  })
})
