import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ZipFile } from 'yazl'
import { s3Client, s3Store } from '../lake/s3-store.ts'
import { motoUnavailable, type RunningMoto, startMoto } from '../lake/testing/moto.ts'
import { rangeHeaders, serve, type WebServer } from '../lake/testing/web-server.ts'
import { root } from '../test/files.ts'
import { ended, plainEnvironment } from '../test/tickerwatch.ts'

const unavailable = motoUnavailable()
const MB = 1 << 20

describe.skipIf(unavailable !== undefined)(`tickerwatch stage ${unavailable ?? ''}`, () => {
  let moto: RunningMoto
  let server: WebServer
  const files = { 'p1.csv': randomBytes(23 * MB), 'p2.csv': randomBytes(11 * MB), 'p3.csv': randomBytes(100) }
  const total = Object.values(files).reduce((sum, { length }) => sum + length, 0)
  beforeAll(async () => {
    moto = await startMoto()
    vi.stubEnv('AWS_ENDPOINT_URL_S3', moto.url)
    vi.stubEnv('AWS_REGION', 'us-east-1')
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-of-the-test')
    const client = s3Client()
    await client.send(new CreateBucketCommand({ Bucket: 'lake' }))
    client.destroy()
    const zip = new ZipFile()
    for (const [path, bytes] of Object.entries(files)) zip.addBuffer(bytes, path)
    zip.end()
    server = await serve('group1.zip', await buffer(zip.outputStream))
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await server?.stop()
    await moto?.stop()
  })

  function start(): ChildProcess {
    const words = [
      'cli/tickerwatch.mjs',
      'stage',
      server.url,
      '--to',
      's3://lake/a',
      '--part-size',
      '5',
      '--json',
    ]
    return spawn(process.execPath, words, { cwd: root, env: plainEnvironment() })
  }

  test('killed again and again in the middle, over connections that break, it ends with every byte in S3', async () => {
    // Slow enough to be killed in the middle, and each connection breaks after some megabytes.
    server.misbehave = ({ start, end }, response, bytes) => {
      if (end - start < MB) return false
      response.writeHead(206, rangeHeaders(start, end, server))
      const upTo = Math.min(end, start + 4 * MB)
      const send = (at: number): void => {
        if (at >= upTo) upTo === end ? response.end() : response.destroy()
        else
          response.write(bytes.subarray(at, Math.min(upTo, at + MB / 4)), () =>
            setTimeout(send, 20, at + MB / 4),
          )
      }
      send(start)
      return true
    }
    const store = s3Store(s3Client(), 'lake', 'a')
    for (let parts = 1; parts <= 5; parts += 2) {
      const child = start()
      const exit = once(child, 'exit')
      await vi.waitUntil(async () => (await partsWritten(store)) >= parts, { timeout: 60_000, interval: 50 })
      child.kill('SIGKILL')
      await exit
    }
    server.misbehave = () => false
    const { code, stdout, stderr } = await ended(start())
    expect(stderr.join('\n')).not.toMatch(/secret-of-the-test|at .*\.ts:/)
    expect(code).toBe(0)
    const report = JSON.parse(stdout.at(-1) ?? '')
    expect(report).toMatchObject({ done: total, files: { total: 3, done: 3 }, failures: [] })
    expect(report.written).toBeLessThanOrEqual(total - 3 * 5 * MB)
    for (const [path, bytes] of Object.entries(files))
      expect((await store.get(`staging/group1/${path}`)).equals(bytes), path).toBe(true)
    await store.close()
  })

  /** Parts of uploads that are not completed, and those of objects that are. */
  async function partsWritten(store: ReturnType<typeof s3Store>): Promise<number> {
    let parts = 0
    for (const path of Object.keys(files)) {
      const key = `staging/group1/${path}`
      const receipt = `staging/_receipts/group1/${path}.json`
      if ((await store.stat(receipt)) === undefined) continue
      const { upload } = JSON.parse(String(await store.get(receipt)))
      const done = upload === undefined ? undefined : await store.uploads.finished(key, upload)
      parts += done?.size ?? Math.ceil(((await store.stat(key))?.size ?? 0) / (5 * MB))
    }
    return parts
  }
})
