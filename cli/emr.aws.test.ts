/** The command as a process, on a fake EMR: what a person at the terminal sees, and what is left when Ctrl-C is pressed. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { s3Client } from '../lake/s3-store.ts'
import { motoUnavailable, type RunningMoto, startMoto } from '../lake/testing/moto.ts'
import { type FakeEmr, startFakeEmr } from '../spark-jobs/submit/testing/fake-emr.ts'
import { ended, plainEnvironment } from '../test/tickerwatch.ts'

const unavailable = motoUnavailable()

describe.skipIf(unavailable !== undefined)(`tickerwatch emr ${unavailable ?? ''}`, () => {
  let directory: string
  let moto: RunningMoto
  let emr: FakeEmr
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tickerwatch-emr-'))
    moto = await startMoto()
    // A step runs until it is stopped.
    const run = (_words: readonly string[], signal: AbortSignal) =>
      new Promise<{ code: number; stderr: string }>(resolve =>
        signal.addEventListener('abort', () => resolve({ code: 143, stderr: '' })),
      )
    emr = await startFakeEmr({ run, log: async () => {} })
    vi.stubEnv('AWS_ENDPOINT_URL_S3', moto.url)
    vi.stubEnv('AWS_ENDPOINT_URL_EMR', emr.url)
    vi.stubEnv('AWS_REGION', 'us-east-1')
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-of-the-test')
    const s3 = s3Client()
    await s3.send(new CreateBucketCommand({ Bucket: 'lake' }))
    s3.destroy()
    const config = { lake: 's3://lake', code: 's3://lake/code', logs: 's3://lake/logs' }
    await writeFile(join(directory, 'emr.json'), JSON.stringify(config))
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await emr?.stop()
    await moto?.stop()
    await rm(directory, { recursive: true, force: true })
  })

  const clean = (...words: string[]) =>
    spawn(
      process.execPath,
      ['cli/tickerwatch.mjs', 'emr', 'clean', '--config', join(directory, 'emr.json'), ...words],
      { env: plainEnvironment() },
    )

  test('Ctrl-C while a step runs leaves no step and no cluster', async () => {
    const child = clean()
    const end = ended(child)
    await expect.poll(() => emr.clusters[0]?.steps[0]?.state, { timeout: 60_000 }).toBe('RUNNING')
    child.kill('SIGINT')
    const { code, stderr } = await end
    expect(code).toBe(1)
    expect(stderr.slice(-2)).toEqual([
      'EMR_INTERRUPTED: clean was interrupted',
      expect.stringMatching(/^Run the command again/),
    ])
    expect(emr.clusters).toMatchObject([{ state: 'TERMINATING', steps: [{ state: 'CANCELLED' }] }])
    emr.clusters.splice(0)
  })

  test('with --keep the step is cancelled, and the cluster left', async () => {
    const child = clean('--keep')
    const end = ended(child)
    await expect.poll(() => emr.clusters[0]?.steps[0]?.state, { timeout: 60_000 }).toBe('RUNNING')
    child.kill('SIGINT')
    expect((await end).code).toBe(1)
    await expect.poll(() => emr.clusters[0]?.state).toBe('WAITING')
    expect(emr.clusters[0]?.steps).toMatchObject([{ state: 'CANCELLED' }])
  })
})
