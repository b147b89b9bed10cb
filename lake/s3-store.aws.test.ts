import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { objectStoreContract, raised } from './contract.ts'
import type { LakeErrorCode } from './errors.ts'
import { s3Client, s3Store } from './s3-store.ts'
import { awsAt, SECRET } from './testing/aws-environment.ts'
import { motoUnavailable, type RunningMoto, startMoto } from './testing/moto.ts'

const unavailable = motoUnavailable()

describe.skipIf(unavailable !== undefined)(`S3 ${unavailable ?? ''}`, () => {
  let moto: RunningMoto
  let stores = 0
  beforeAll(async () => {
    moto = await startMoto()
    awsAt(moto.url)
    const client = s3Client()
    await client.send(new CreateBucketCommand({ Bucket: 'tests' }))
    client.destroy()
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await moto?.stop()
  })

  objectStoreContract('a bucket', async () => s3Store(s3Client(), 'tests', `prefix-${stores++}`))

  test('a bucket that is not there is named', async () => {
    const store = s3Store(s3Client(), 'no-such-bucket')
    const missing = raised('S3_BUCKET_MISSING', 's3://no-such-bucket/')
    await expect(store.put('key', Buffer.from('x'))).rejects.toEqual(missing)
    await expect(store.get('key')).rejects.toEqual(missing)
    await expect(store.list()[Symbol.asyncIterator]().next()).rejects.toEqual(missing)
    await store.close()
  })
})

/** What AWS says where moto says nothing: the answers as S3 documents them (API reference, "Error responses"). */
describe('errors of S3', () => {
  let server: Server
  let answer: { status: number; code: string; headers?: Record<string, string> }
  beforeAll(async () => {
    server = createServer((request, response) => {
      request.resume()
      response.writeHead(answer.status, { 'content-type': 'application/xml', ...answer.headers })
      response.end(
        request.method === 'HEAD'
          ? undefined
          : `<Error><Code>${answer.code}</Code><Message>No.</Message></Error>`,
      )
    }).listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    awsAt(`http://127.0.0.1:${portOf(server)}`)
  })
  afterAll(() => {
    vi.unstubAllEnvs()
    server.close()
  })

  const cases: [number, string, LakeErrorCode][] = [
    [403, 'AccessDenied', 'AWS_ACCESS_DENIED'],
    [404, 'NoSuchBucket', 'S3_BUCKET_MISSING'],
    [301, 'PermanentRedirect', 'AWS_REGION_WRONG'],
    [400, 'AuthorizationHeaderMalformed', 'AWS_REGION_WRONG'],
    [400, 'ExpiredToken', 'AWS_CREDENTIALS_EXPIRED'],
    [403, 'InvalidAccessKeyId', 'AWS_CREDENTIALS_INVALID'],
    [403, 'SignatureDoesNotMatch', 'AWS_CREDENTIALS_INVALID'],
    [405, 'MethodNotAllowed', 'AWS_REFUSED'],
  ]
  test.each(cases)('%i %s is %s, and tells no secret', async (status, code, expected) => {
    answer = { status, code }
    const store = s3Store(s3Client(), 'bucket', 'prefix')
    const calls = [
      () => store.put('key', Buffer.from('x')),
      () => store.get('key'),
      () => store.delete('key'),
      () => store.list()[Symbol.asyncIterator]().next(),
    ]
    for (const call of calls) {
      const error = await call().catch((error: unknown) => error)
      expect(error).toEqual(raised(expected, 's3://bucket/prefix/'))
      expect(String(error)).not.toContain(SECRET)
    }
    await store.close()
  })

  test('a HEAD, which is answered without a body, tells a refusal from an absence', async () => {
    const store = s3Store(s3Client(), 'bucket')
    answer = { status: 403, code: '' }
    await expect(store.stat('key')).rejects.toEqual(raised('AWS_ACCESS_DENIED'))
    answer = { status: 404, code: '' }
    expect(await store.stat('key')).toBeUndefined()
    await store.close()
  })

  test('nobody there, and no credentials', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => closed.once('listening', resolve))
    awsAt(`http://127.0.0.1:${portOf(closed)}`)
    await new Promise(resolve => closed.close(resolve))
    await expect(s3Store(s3Client(), 'bucket').get('key')).rejects.toEqual(raised('AWS_UNREACHABLE'))

    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined)
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null')
    vi.stubEnv('AWS_CONFIG_FILE', '/dev/null')
    await expect(s3Store(s3Client(), 'bucket').get('key')).rejects.toEqual(raised('AWS_CREDENTIALS_MISSING'))
  })
})

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen')
  return (address satisfies AddressInfo).port
}
