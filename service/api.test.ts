/** The document of the API is whole, and says what is so. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { measureAccuracy } from '../processors/annotation/accuracy.ts'
import { logDesk } from '../processors/log-desk/log-desk.ts'
import { anyRecords, localRegistry } from '../schemas/index.ts'
import { memoryLog, systemTimers } from '../topology/index.ts'
import type { Api } from './api.ts'
import { buildService } from './server.ts'
import { movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noLetters } from './testing/no-letters.ts'
import { noQueries } from './testing/no-queries.ts'
import { noReleases } from './testing/no-releases.ts'

const operation = z.looseObject({
  summary: z.string().min(10),
  description: z.string(),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  responses: z.record(z.string(), z.looseObject({ description: z.string() })),
})
const documentShape = z.looseObject({
  openapi: z.literal('3.1.0'),
  paths: z.record(z.string(), z.record(z.string(), operation)),
})

const log = memoryLog()
let server: Api
let document: z.infer<typeof documentShape>
beforeAll(async () => {
  const registry = localRegistry()
  await registry.register('words-value', { type: 'record', name: 'Word', fields: [] })
  await log.admin.createTopics([{ topic: 'words', partitions: 1, config: { 'retention.ms': '-1' } }])
  const producer = await log.producer({ clientId: 'writer' })
  await producer.init()
  const bytes = Buffer.from('word')
  await producer.send([
    { topic: 'words', partition: 0, timestamp: 1, key: null, value: bytes, headers: [['name', bytes]] },
  ])
  await log.admin.setPositions('readers', [{ topic: 'words', partition: 0, position: 0 }])
  const source = movingSource(Date.now)
  source.advance(100)
  source.swap()
  server = await buildService({
    source,
    releases: {
      ...noReleases,
      switches: async () => [
        { ...{ partition: 0, number: 0, name: 'watch' }, ...{ version: '1.0.0', offset: 5, at: 7 } },
      ],
    },
    replay: () => Promise.reject(new Error('not in this test')),
    deadLetters: { ...noLetters, list: async () => ({ counts: [], letters: [] }) },
    annotations: { ...noAnnotations, accuracy: question => measureAccuracy([], question) },
    log: logDesk({ log, decode: anyRecords(registry, Date.now), clientId: 'desk', timers: systemTimers }),
    subjects: registry,
    queries: noQueries,
    audit: { record: async () => {}, newest: async () => [] },
    token: 'secret',
    logger: { error: () => {} },
  })
  document = documentShape.parse((await server.inject('/api/openapi.json')).json())
})
afterAll(async () => {
  await server.close()
  await log.close()
})

/** GET /api/dead-letters/ID */
const written = (method: string, path: string): string =>
  `${method.toUpperCase()} ${path.replace(/\{(\w+)\}|:(\w+)/g, (_, a?: string, b?: string) => (a ?? b ?? '').toUpperCase())}`

const documented = (): string[] =>
  Object.entries(document.paths)
    .flatMap(([path, methods]) => Object.keys(methods).map(method => written(method, path)))
    .sort()

test('every route but those of pages is in the document, with whom it is for and how it fails', () => {
  const routes = server.declaredRoutes.flatMap(({ method, url }) =>
    [method]
      .flat()
      .flatMap(name => (name === 'HEAD' || !/^\/(api|health|metrics)/.test(url) ? [] : [written(name, url)])),
  )
  const pages = routes.filter(route => /^GET \/api\/(docs|openapi\.json)/.test(route))
  expect(pages.length).toBeGreaterThan(3)
  expect(documented()).toEqual(routes.filter(route => !pages.includes(route)).sort())
  for (const methods of Object.values(document.paths))
    for (const { description, security, responses } of Object.values(methods)) {
      expect(description).toMatch(/For (anybody|viewers|annotators|operators)/)
      if (security.length > 0) expect(responses).toHaveProperty('default')
      expect(Object.values(responses).map(({ description }) => description)).not.toContain('Default Response')
    }
})

test('the table of routes in the README of this folder has them all, and whom each is for', () => {
  const text = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
  const rows = [...text.matchAll(/^\| `(\w+ \/[^`?]*)[^`]*` \| (\w+) \| .+ \|$/gm)].map(
    ([, route, access]) => [route, access],
  )
  const pages = ['', ...htmlPages()].map(page => [`GET /${page}`, 'public'])
  const wanted = server.declaredRoutes.flatMap(({ method, url, config }) =>
    [method].flat().map(name => [written(name, url), config?.access]),
  )
  const inDocument = wanted.filter(([route]) => documented().includes(route ?? ''))
  const of = ['GET /api/docs', 'GET /api/openapi.json'].map(route => [route, 'public'])
  expect(rows.map(String).sort()).toEqual([...inDocument, ...pages, ...of].map(String).sort())
})

test('the README of the project lists the pages, and where the API begins', () => {
  const text = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')
  const [, section = ''] = /^## Routes\n(.*?)^## /ms.exec(text) ?? []
  const named = [...section.matchAll(/`(\/[^`]*)`/g)].map(([, path]) => path)
  const beginnings = Object.keys(document.paths).map(path =>
    path
      .split('/')
      .slice(0, path.startsWith('/api/') ? 3 : 2)
      .join('/'),
  )
  const wanted = [
    '/',
    ...htmlPages().map(page => `/${page}`),
    '/api/docs',
    '/api/openapi.json',
    ...new Set(beginnings),
  ]
  expect(named.sort()).toEqual(wanted.sort())
})

test('what is answered is what the document says, and nothing else', async () => {
  const ajv = new Ajv2020({ strict: false })
  ajv.addSchema(document, 'document')
  const held = async (url: string, status = 200, documented = url): Promise<void> => {
    const answer = await server.inject({ url, headers: { authorization: 'Bearer secret' } })
    expect([url, answer.statusCode]).toEqual([url, status])
    const path = documented.replaceAll('/', '~1').replaceAll(/[{}]/g, encodeURIComponent).split('?')[0]
    const validate = ajv.compile({
      $ref: `document#/paths/${path}/get/responses/${status}/content/application~1json/schema`,
    })
    validate(answer.json())
    expect([url, validate.errors]).toEqual([url, null])
  }
  for (const path of [
    '/api/status',
    '/api/topology',
    '/api/models',
    '/api/models/switches',
    '/api/annotation',
    '/api/accuracy?by=day',
    '/api/audit',
    '/api/dead-letters',
    '/api/emr/clusters',
    '/api/spark/jobs',
    '/api/spark/runs',
    '/api/stores',
    '/api/nodes',
    '/api/topics',
    '/api/groups',
    '/api/schemas',
    '/health/live',
    '/health/ready',
  ])
    await held(path)
  await held('/api/topics/words', 200, '/api/topics/{topic}')
  await held('/api/topics/words/records', 200, '/api/topics/{topic}/records')
  await held('/api/groups/readers', 200, '/api/groups/{group}')
  await held('/api/schemas/words-value', 200, '/api/schemas/{subject}')
})

function htmlPages(): string[] {
  return readdirSync(join(import.meta.dirname, 'page')).filter(
    file => file.endsWith('.html') && file !== 'index.html',
  )
}
