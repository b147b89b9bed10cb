import { createHash } from 'node:crypto'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { s3Client, s3Store } from '../../lake/s3-store.ts'
import { motoUnavailable, type RunningMoto, startMoto } from '../../lake/testing/moto.ts'
import { readModel } from './model-bytes.ts'
import { release, SCHEMA } from './testing/releases.ts'
import { verifyRelease } from './verifier.ts'

const unavailable = motoUnavailable()

describe.skipIf(unavailable !== undefined)(`a model in S3 ${unavailable ?? ''}`, () => {
  let moto: RunningMoto
  beforeAll(async () => {
    moto = await startMoto()
    vi.stubEnv('AWS_ENDPOINT_URL_S3', moto.url)
    vi.stubEnv('AWS_REGION', 'us-east-1')
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-of-the-test')
    const client = s3Client()
    await client.send(new CreateBucketCommand({ Bucket: 'models' }))
    client.destroy()
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await moto?.stop()
  })

  test('is read, checked on the way, and tried in the process that tries releases', async () => {
    const { onnx, ...whole } = await release('1.0.0')
    const store = s3Store(s3Client(), 'models')
    await store.put('watch/1.0.0 a.onnx', onnx!)
    await store.close()
    const there = { ...whole, onnx: null, location: 's3://models/watch/1.0.0%20a.onnx' }
    expect(await readModel(there)).toEqual(onnx)
    await verifyRelease(
      { ...there, status: 'candidate', publishedAt: 0, reason: null },
      SCHEMA.features.length,
    )

    const sha256 = createHash('sha256').update('another').digest('hex')
    await expect(readModel({ ...there, sha256 })).rejects.toMatchObject({ code: 'MODEL_DAMAGED' })
    await expect(readModel({ ...there, size: 7 })).rejects.toMatchObject({ code: 'MODEL_DAMAGED' })
    for (const location of ['s3://models/none.onnx', 's3://no-such-bucket/a', 's3://NO/a', 's3://models/'])
      await expect(readModel({ ...there, location }), location).rejects.toMatchObject({
        code: 'MODEL_LOCATION_EMPTY',
      })
  })
})
