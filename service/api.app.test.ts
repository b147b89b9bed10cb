/** The document of the API beside a node that runs: each answer is what it says, and nothing else. */
import { readFile } from 'node:fs/promises'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { printed, type Scratch, scratch } from '../test/node-process.ts'

let own: Scratch
beforeAll(async () => {
  own = await scratch()
})
afterAll(() => own.remove())

/** What stands in a path or has to be in the query; of these there is one. */
const parameters: Readonly<Record<string, string>> = {
  store: 'motion',
  key: 'x',
  id: '0',
  topic: 'audit',
  partition: '0',
  group: 'activity',
  subject: 'audit-value',
  name: 'watch',
  version: '1.0.0',
}
const documentShape = z.looseObject({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.looseObject({
        parameters: z
          .array(z.looseObject({ name: z.string(), in: z.string(), required: z.boolean().optional() }))
          .default([]),
        responses: z.record(z.string(), z.unknown()),
      }),
    ),
  ),
})

test('a node answers each question as its document says', async () => {
  const node = own.start('documented', '--devices', '20')
  const said = printed(node)
  try {
    await expect.poll(said, { timeout: 120_000 }).toMatch(/console +http/)
    const file = await readFile(`${own.path('documented')}/node.json`, 'utf8')
    const { url, token } = z.object({ url: z.string(), token: z.string() }).parse(JSON.parse(file))
    const ask = async (path: string, body?: object): Promise<[number, unknown]> => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const request =
        body === undefined ? { headers } : { headers, method: 'POST', body: JSON.stringify(body) }
      const response = await fetch(`${url}${path}`, request)
      return [response.status, await response.json()]
    }
    await expect
      .poll(async () => JSON.stringify((await ask('/api/status'))[1]), { timeout: 60_000 })
      .toMatch(/"lastPredictions":\[\{/)
    const document = documentShape.parse((await ask('/api/openapi.json'))[1])
    const ajv = new Ajv2020({ strict: false })
    ajv.addSchema(document, 'document')
    const held = async (method: string, path: string, [status, answer]: [number, unknown]): Promise<void> => {
      const known = document.paths[path]?.[method]?.responses ?? {}
      const place = [
        path,
        method,
        'responses',
        status in known ? String(status) : 'default',
        'content',
        'application/json',
        'schema',
      ]
      const pointer = place.map(word => encodeURIComponent(word.replaceAll('/', '~1'))).join('/')
      const validate = ajv.compile({ $ref: `document#/paths/${pointer}` })
      validate(answer)
      expect([method, path, status, validate.errors]).toEqual([method, path, status, null])
    }
    let answered = 0
    for (const [path, { get }] of Object.entries(document.paths)) {
      if (get === undefined || path === '/api/events' || path === '/metrics') continue
      const needed = get.parameters.filter(each => each.in === 'query' && each.required === true)
      const query = new URLSearchParams(
        Object.fromEntries(needed.map(({ name }) => [name, parameters[name] ?? ''])),
      )
      const asked = path.replace(/\{(\w+)\}/g, (_, name: string) => parameters[name] ?? 'x')
      const answer = await ask(`${asked}?${query}`)
      await held('get', path, answer)
      if (answer[0] === 200) answered++
    }
    expect(answered).toBeGreaterThan(12)
    await held('post', '/api/annotation/next', await ask('/api/annotation/next', { annotator: 'anna' }))
    await held('post', '/api/replay', await ask('/api/replay', {}))
    await held('post', '/api/models/rollback', await ask('/api/models/rollback', { reason: 'x' }))
    await held('post', '/api/dead-letters/replay', await ask('/api/dead-letters/replay', { dryRun: true }))
  } finally {
    node.kill('SIGTERM')
  }
}, 300_000)
