import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readRelease } from '../processors/models/release.ts'
import { readPublicKeys, trustOf } from '../processors/models/signature.ts'
import { tickerwatch } from '../test/tickerwatch.ts'
import { writeNodeFile } from './node-file.ts'

/** Only what a command sees of a node: the state directory, and answers over HTTP. */
let state: string
let server: Server
let asked: { method?: string; url?: string; authorization?: string; body: string }[]
let answer: { status: number; body: string }
const token = 'a token of this test'

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'tickerwatch-models-'))
  asked = []
  server = createServer(async (request, response) => {
    const { method, url, headers } = request
    asked.push({ method, url, authorization: headers.authorization, body: await bodyOf(request) })
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  await writeNodeFile(state, {
    url: `http://127.0.0.1:${port}`,
    token,
    annotatorToken: token,
    pid: process.pid,
  })
})

afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await rm(state, { recursive: true, force: true })
})

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request) body += chunk
  return body
}

/** A release in form; whether its model is any good is for the node to say. */
const release = {
  name: 'watch',
  version: '2.0.0',
  featureSchemaHash: '0123456789abcdef',
  labels: ['Walk', 'Sit'],
  temperature: 1,
  minimumConfidence: 0.5,
  minimumMargin: 0.1,
  metrics: { accuracy: 0.8 },
  lineage: { seed: '1' },
  sha256: '0'.repeat(64),
  size: 3,
  onnx: 'AQID',
  probeFeatures: [0.5],
  probeProbabilities: [0.25, 0.75],
}

describe('models publish', () => {
  test.each([
    { flags: [], url: '/api/models?promote=false', status: 'candidate' },
    { flags: ['--promote'], url: '/api/models?promote=true', status: 'promoted' },
  ])('sends the file to the running node ($url)', async ({ flags, url, status }) => {
    const file = join(state, 'watch-2.json')
    await writeFile(file, JSON.stringify(release))
    answer = {
      status: 201,
      body: JSON.stringify({ name: 'watch', version: '2.0.0', status, reason: null }),
    }
    expect(await tickerwatch('models', 'publish', file, ...flags, '--state', state)).toEqual({
      code: 0,
      stdout: [`published watch@2.0.0 as ${status}`],
      stderr: [],
    })
    expect(asked.map(request => ({ ...request, body: JSON.parse(request.body) }))).toEqual([
      { method: 'POST', url, authorization: `Bearer ${token}`, body: release },
    ])
  })

  test('gives the reason of a refusal', async () => {
    const file = join(state, 'bad.json')
    await writeFile(file, JSON.stringify(release))
    answer = {
      status: 422,
      body: '{"code":"MODEL_INVALID","message":"the model takes 12 features, not 150"}',
    }
    const { code, stderr } = await tickerwatch('models', 'publish', file, '--state', state)
    expect(stderr).toEqual([
      'NODE_REFUSED: MODEL_INVALID: the model takes 12 features, not 150',
      'See the message; nothing was changed.',
    ])
    expect(code).toBe(1)
  })

  test('sends nothing that cannot be a release', async () => {
    const file = join(state, 'model.onnx')
    await writeFile(file, Buffer.from([8, 7, 18]))
    const foreign = await tickerwatch('models', 'publish', file, '--state', state)
    expect(foreign.stderr[0]).toMatch(/^MODEL_FILE_INVALID: .*model\.onnx is no release file: /)
    const missing = await tickerwatch('models', 'publish', `${file}.json`, '--state', state)
    expect(missing.stderr[0]).toMatch(/^MODEL_FILE_UNREADABLE: .*model\.onnx\.json cannot be read: /)
    expect([foreign.code, missing.code, asked]).toEqual([1, 1, []])
  })

  test('says when the node does not answer', async () => {
    server.close()
    await once(server, 'close')
    const { code, stderr } = await tickerwatch('models', 'list', '--state', state)
    expect(stderr[0]).toMatch(/^NODE_UNREACHABLE: the node at http:\/\/127\.0\.0\.1:\d+ does not answer$/)
    expect(code).toBe(1)
  })
})

describe('models list and show', () => {
  const metrics = { accuracy: 0.8125, macroF1: 0.75 }
  const published = { name: 'watch', metrics, publishedAt: Date.UTC(2026, 0, 5, 8) }
  const known = [
    { ...published, version: '2.0.0', status: 'promoted', trust: 'signed', reason: 'better' },
    { ...published, version: '1.0.0', status: 'promoted', trust: 'shipped', reason: null },
  ]
  beforeEach(() => {
    const inForce = { name: 'watch', version: '2.0.0' }
    answer = {
      status: 200,
      body: JSON.stringify({
        inForce,
        known,
        refused: [],
        signaturesRequired: true,
        warnings: [],
        swaps: [],
      }),
    }
  })

  test('print for people and for programs', async () => {
    expect((await tickerwatch('models', 'list', '--state', state)).stdout).toEqual([
      'RELEASE      STATUS    TRUST    PUBLISHED                 ON UNSEEN PEOPLE               REASON',
      'watch@2.0.0  in force  signed   2026-01-05T08:00:00.000Z  accuracy 0.813, macroF1 0.750  better',
      'watch@1.0.0  promoted  shipped  2026-01-05T08:00:00.000Z  accuracy 0.813, macroF1 0.750',
    ])
    const { stdout } = await tickerwatch('models', 'list', '--state', state, '--json')
    expect(JSON.parse(stdout.join('\n'))).toEqual({
      inForce: { name: 'watch', version: '2.0.0' },
      known,
      refused: [],
      signaturesRequired: true,
      warnings: [],
    })
    expect((await tickerwatch('models', 'show', 'watch@1.0.0', '--state', state)).stdout).toEqual([
      'name       watch',
      'version    1.0.0',
      'trust      shipped',
      'status     promoted',
      'reason     none given',
      'published  2026-01-05T08:00:00.000Z',
      'metrics    accuracy 0.813, macroF1 0.750',
    ])
  })

  test('name a release that is not there', async () => {
    const { code, stderr } = await tickerwatch('models', 'show', 'watch@3.0.0', '--state', state)
    expect(stderr[0]).toBe('RELEASE_UNKNOWN: the node knows no release watch@3.0.0')
    expect(code).toBe(1)
  })
})

describe('models promote, shadow and rollback', () => {
  test.each([
    {
      words: ['promote', 'watch@2.0.0', '--reason', 'agrees'],
      url: '/api/models/promote',
      body: { name: 'watch', version: '2.0.0', reason: 'agrees' },
    },
    {
      words: ['shadow', 'watch@2.0.0'],
      url: '/api/models/shadow',
      body: { name: 'watch', version: '2.0.0' },
    },
    { words: ['shadow', '--end'], url: '/api/models/shadow', body: { end: true } },
    { words: ['rollback', '--reason', 'worse'], url: '/api/models/rollback', body: { reason: 'worse' } },
    {
      words: ['rollback', 'watch@1.0.0', '--reason', 'worse'],
      url: '/api/models/rollback',
      body: { version: '1.0.0', reason: 'worse' },
    },
  ])('ask the node ($words)', async ({ words, url, body }) => {
    answer = { status: 201, body: '{"name":"watch","version":"2.0.0","status":"promoted","reason":null}' }
    expect(await tickerwatch('models', ...words, '--state', state)).toEqual({
      code: 0,
      stdout: ['published watch@2.0.0 as promoted'],
      stderr: [],
    })
    expect(asked.map(request => ({ ...request, body: JSON.parse(request.body) }))).toEqual([
      { method: 'POST', url, authorization: `Bearer ${token}`, body },
    ])
  })

  test.each([
    [['promote', 'watch@2.0.0'], /--reason/],
    [['promote', 'watch', '--reason', 'x'], /NAME@VERSION/],
    [['rollback'], /--reason/],
    [['shadow'], /--end/],
    [['promote', 'watch@2.0.0', '--reason', ' '], /1 to 500 characters/],
    [['list', '--trusted-keys', 'x'], /belongs to --brokers/],
  ])('called wrongly (%j) change nothing', async (words, text) => {
    const { code, stderr } = await tickerwatch('models', ...words, '--state', state)
    expect([code, stderr.join(' ')]).toEqual([2, expect.stringMatching(text)])
    expect(asked).toEqual([])
  })
})

test('models keygen and sign make what a node with the public key trusts', async () => {
  const [key, file] = [join(state, 'key'), join(state, 'watch-2.json')]
  await writeFile(file, JSON.stringify(release))
  expect((await tickerwatch('models', 'keygen', key)).code).toBe(0)
  expect((await stat(key)).mode & 0o777).toBe(0o600)
  const again = await tickerwatch('models', 'keygen', key)
  expect(again.stderr[0]).toMatch(/^FILE_UNWRITABLE: /)
  const { code, stdout, stderr } = await tickerwatch('models', 'sign', file, '--key', key)
  expect([code, stdout, stderr]).toEqual([0, [`signed watch@2.0.0: ${file}`], []])
  const keys = await readPublicKeys([`${key}.pub`])
  expect(trustOf(await readRelease(file), { keys, shipped: new Set() })).toBe('signed')
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject(release)
  const wrong = await tickerwatch('models', 'sign', file, '--key', `${key}.pub`)
  expect([wrong.code, wrong.stderr[0]]).toEqual([1, expect.stringMatching(/^MODEL_KEY_INVALID: /)])
})
