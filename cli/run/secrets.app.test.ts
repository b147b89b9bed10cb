/** Whole nodes and commands with every kind of secret, at the level debug, where nothing else works: no secret is ever told. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { root } from '../../test/files.ts'
import { type Scratch, scratch } from '../../test/node-process.ts'
import { ended, plainEnvironment } from '../../test/tickerwatch.ts'

const secrets = {
  viewer: 'viewer-b1946ac92492d234',
  annotator: 'annotator-7c6235b0a0a7',
  operator: 'operator-591785b794601e',
  sql: 'sql-212e5fd25c6985',
  sasl: 'sasl-27b6d3c8d2ab',
  registry: 'registry-28d7a/9c',
  awsKey: 'aws-wJalrXUtnFEMIK7MDENG',
  awsSession: 'session-FwoGZXIvYXdzEBYaDK',
}
/** As they are, and as they are sent. */
const forms = Object.entries(secrets).flatMap(([name, secret]) => [
  [name, secret],
  [name, encodeURIComponent(secret)],
  [name, Buffer.from(secret).toString('base64').replace(/=+$/, '')],
])
const basic = Buffer.from(`me:${secrets.registry}`).toString('base64')

/** Nothing listens there. */
const nowhere = '127.0.0.1:9'
const common = {
  AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
  AWS_SECRET_ACCESS_KEY: secrets.awsKey,
  AWS_SESSION_TOKEN: secrets.awsSession,
  AWS_REGION: 'eu-central-1',
  AWS_ENDPOINT_URL: `http://${nowhere}`,
}

let own: Scratch
beforeAll(async () => {
  own = await scratch()
  await writeFile(own.path('operators'), `anna:${secrets.operator}\n`)
})
afterAll(() => own.remove())

const begin = (env: Record<string, string>, ...words: readonly string[]) =>
  spawn(process.execPath, ['cli/tickerwatch.mjs', ...words], {
    cwd: root,
    env: { ...plainEnvironment(), ...common, ...env },
  })

function told(text: string): string[] {
  return [...forms, ['registry', basic]].flatMap(([name = '', form = '']) =>
    text.includes(form) ? [name] : [],
  )
}

test('a node tells none: not at its ports, nor on its screen, nor what it keeps', async () => {
  const asked: (string | undefined)[] = []
  const registry = createServer((request, response) => {
    asked.push(request.headers.authorization)
    response.setHeader('content-type', 'application/json')
    const known = request.headers.authorization === `Basic ${basic}`
    response.writeHead(known ? 200 : 401)
    response.end(
      JSON.stringify(known ? { id: asked.length, compatibilityLevel: 'BACKWARD' } : { message: 'who?' }),
    )
  })
  await once(registry.listen(0, '127.0.0.1'), 'listening')
  const { port } = registry.address() as AddressInfo
  const state = own.path('node')
  const node = begin(
    {
      TICKERWATCH_VIEWER_TOKENS: `vera:${secrets.viewer}`,
      TICKERWATCH_ANNOTATOR_TOKENS: secrets.annotator,
      TICKERWATCH_OPERATOR_TOKENS_FILE: own.path('operators'),
      TICKERWATCH_REGISTRY: `http://me:${encodeURIComponent(secrets.registry)}@127.0.0.1:${port}`,
    },
    ...['run', '--debug', '--log-level', 'debug', '--port', '0', '--devices', '20'],
    ...[
      '--state',
      state,
      '--archive',
      's3://a-bucket/archive',
      '--archive-every',
      '1000',
      '--host',
      '0.0.0.0',
    ],
  )
  const end = ended(node)
  let text = ''
  node.stderr.on('data', chunk => {
    text += chunk
  })
  try {
    await expect.poll(() => text, { timeout: 120_000 }).toMatch(/console +http/)
    const file = await readFile(`${state}/node.json`, 'utf8')
    const { url: listening, token } = z.object({ url: z.url(), token: z.string() }).parse(JSON.parse(file))
    const url = listening.replace('0.0.0.0', '127.0.0.1')
    expect(told(file)).toEqual([])
    const ask = async (path: string, bearer: string, body?: object): Promise<[number, string]> => {
      const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' }
      const request =
        body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) }
      const response = await fetch(`${url}${path}`, request)
      return [response.status, await response.text()]
    }
    const paths = [
      '/api/status',
      '/metrics',
      '/health/ready',
      '/api/models',
      '/api/openapi.json',
      '/api/dead-letters',
      '/api/stores',
      '/nothing',
    ]
    for (const bearer of [secrets.viewer, secrets.annotator, secrets.operator, `${secrets.operator}x`])
      for (const path of paths) expect([path, told((await ask(path, bearer))[1])]).toEqual([path, []])
    expect((await ask('/api/status', secrets.viewer))[0]).toBe(200)
    expect((await ask('/api/annotation', secrets.annotator))[0]).toBe(200)
    expect((await ask('/api/models/rollback', secrets.viewer, { reason: 'x' }))[0]).toBe(403)
    expect((await ask('/api/models/rollback', secrets.operator, { reason: 'x' }))[0]).toBe(422)
    const [, audit] = await ask('/api/audit', token)
    expect(audit).toMatch(/viewer vera, annotator [0-9a-f]{8}, operator anna/)
    expect(told(audit)).toEqual([])
    const status = z.object({ archive: z.object({ paused: z.string().default('') }) })
    const paused = async () => status.parse(JSON.parse((await ask('/api/status', token))[1])).archive.paused
    await expect.poll(paused, { timeout: 120_000, interval: 500 }).toMatch(/ECONNREFUSED/)
    // Ten of them, and one more.
    for (let guess = 0; guess < 11; guess++) await ask('/api/annotation', `${secrets.annotator}-${guess}`)
  } finally {
    node.kill('SIGTERM')
    registry.close()
  }
  const { stdout, stderr } = await end
  expect(asked.every(login => login === `Basic ${basic}`)).toBe(true)
  expect(asked.length).toBeGreaterThan(0)
  // It did say something: that whoever reaches it may read is not so here, and that the archive cannot be written.
  expect(stderr.join('\n')).toMatch(/"level":[234]0/)
  expect(told([...stdout, ...stderr].join('\n'))).toEqual([])
}, 300_000)

const sql = `postgres://me:${secrets.sql}@${nowhere}/watch`
const kafka = {
  TICKERWATCH_KAFKA_PASSWORD: secrets.sasl,
  TICKERWATCH_KAFKA_USER: 'me',
  TICKERWATCH_KAFKA_SASL: 'plain',
}
const registry = `http://me:${encodeURIComponent(secrets.registry)}@${nowhere}`
const run = ['run', '--debug', '--log-level', 'debug', '--port', '0']

test.each<[string, Record<string, string>, readonly string[]]>([
  ['SQL_UNREACHABLE', { TICKERWATCH_SQL: sql }, run],
  ['REGISTRY_UNREACHABLE', { TICKERWATCH_REGISTRY: registry }, run],
  ['LOG_UNREACHABLE', { ...kafka, TICKERWATCH_BROKERS: nowhere }, run],
  [
    'LOG_UNREACHABLE',
    { ...kafka, TICKERWATCH_BROKERS: nowhere, TICKERWATCH_REGISTRY: registry },
    ['models', 'list', '--debug'],
  ],
  ['AWS_', { TICKERWATCH_FEATURE_STORE: 's3://a-bucket/features' }, run],
  ['is invalid', { TICKERWATCH_OPERATOR_TOKENS: `${secrets.operator}§` }, run],
  [
    'given twice',
    { TICKERWATCH_VIEWER_TOKENS: secrets.viewer, TICKERWATCH_OPERATOR_TOKENS: `x:${secrets.viewer}` },
    run,
  ],
  [
    'is invalid',
    {
      TICKERWATCH_SQL: `mysql://me:${secrets.sql}@${nowhere}/watch`,
      TICKERWATCH_REGISTRY: registry.replace('http', 'ftp'),
    },
    run,
  ],
  [
    'WRONG +registry',
    {
      ...kafka,
      TICKERWATCH_BROKERS: nowhere,
      TICKERWATCH_REGISTRY: registry,
      TICKERWATCH_SQL: sql,
      TICKERWATCH_ARCHIVE: 's3://a-bucket/archive',
    },
    ['doctor', '--debug'],
  ],
])(
  'what fails with %s tells none',
  async (said, env, words) => {
    const { code, stdout, stderr } = await ended(begin(env, ...words, '--state', own.path('failing')))
    const text = [...stdout, ...stderr].join('\n')
    expect(text).toMatch(new RegExp(said))
    expect([code === 0, told(text)]).toEqual([false, []])
  },
  200_000,
)
