/** What operators do over HTTP is on the topic `audit`, and told. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AuditTrail, auditTrail } from '../processors/audit.ts'
import { ApplicationError } from '../processors/errors.ts'
import { auditTopic } from '../processors/topics.ts'
import { avroSerdes, localRegistry } from '../schemas/index.ts'
import { memoryLog, TickerError } from '../topology/index.ts'
import type { Api } from './api.ts'
import { buildService, type ServiceOptions } from './server.ts'
import { movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noLetters } from './testing/no-letters.ts'
import { noReleases } from './testing/no-releases.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

let now = 0
let trail: AuditTrail
let errors: unknown[]
beforeEach(async () => {
  const log = memoryLog()
  closing.push(() => log.close())
  await log.admin.createTopics([auditTopic])
  ;[now, errors] = [1_800_000_000_000, []]
  trail = auditTrail({ log, avro: avroSerdes(localRegistry()), clientId: 'test', now: () => now++ })
})

const changed = { name: 'watch', version: '1.1.0', status: 'promoted', reason: null } as const

async function service(options: Partial<ServiceOptions> = {}): Promise<Api> {
  const server = await buildService({
    source: movingSource(Date.now),
    releases: { ...noReleases, promote: async () => changed, rollback: async () => changed },
    replay: () => Promise.reject(new ApplicationError('REPLAY_UNDER_WAY', 'another one')),
    deadLetters: { ...noLetters, replay: async () => ({ replayed: 1, replayedBefore: 0, refused: [] }) },
    annotations: noAnnotations,
    audit: trail,
    token: 'the-own-of-the-node',
    credentials: [
      { role: 'operator', name: 'anna', token: 'a-token-for-anna' },
      { role: 'annotator', name: 'ben', token: 'a-token-for-ben' },
    ],
    logger: { error: (error: unknown) => void errors.push(error) },
    ...options,
  })
  closing.push(() => server.close())
  return server
}

const asking = (server: Api, token: string) => async (url: string, payload: object) => {
  const headers = { authorization: `Bearer ${token}` }
  return (await server.inject({ method: 'POST', url, payload, headers, remoteAddress: '192.0.2.7' }))
    .statusCode
}

const anna = { role: 'operator', who: 'anna', address: '192.0.2.7' }

test('what was done, refused and failed is there with who, when, from where and why', async () => {
  const server = await service()
  const ask = asking(server, 'a-token-for-anna')
  const id = { name: 'watch', version: '1.1.0' }
  expect(await ask('/api/models/promote', { ...id, reason: 'agrees with people' })).toBe(201)
  expect(await ask('/api/models/rollback', { reason: 'worse on stairs' })).toBe(201)
  expect(await ask('/api/models/promote', id)).toBe(400)
  expect(await ask('/api/models/shadow', id)).toBe(500)
  expect(await ask('/api/replay', {})).toBe(422)
  expect(await ask('/api/dead-letters/replay', { dryRun: true })).toBe(200)
  expect(await ask('/api/dead-letters/replay', { dryRun: false, ids: [3] })).toBe(200)
  expect(await asking(server, 'a-token-for-ben')('/api/models/rollback', { reason: 'x' })).toBe(403)
  expect(await asking(server, 'a-guess')('/api/models/rollback', { reason: 'x' })).toBe(401)

  const done = { outcome: 'done', code: null, reason: null }
  const subject = 'watch@1.1.0'
  const answer = await server.inject({
    url: '/api/audit',
    headers: { authorization: 'Bearer a-token-for-anna' },
  })
  expect(answer.json().events.toReversed()).toEqual(
    [
      { ...anna, ...done, action: 'promote', subject, reason: 'agrees with people' },
      { ...anna, ...done, action: 'rollback', subject, reason: 'worse on stairs' },
      { ...anna, action: 'promote', subject, outcome: 'refused', code: 'BAD_REQUEST', reason: null },
      { ...anna, action: 'shadow', subject, outcome: 'failed', code: 'INTERNAL', reason: null },
      {
        ...anna,
        action: 'replay',
        subject: '{}',
        outcome: 'refused',
        code: 'REPLAY_UNDER_WAY',
        reason: null,
      },
      { ...anna, ...done, action: 'dead-letter-replay', subject: '{"ids":[3],"dryRun":false}' },
      {
        ...anna,
        ...{ role: 'annotator', who: 'ben' },
        action: 'rollback',
        subject: '{}',
        outcome: 'refused',
        code: 'FORBIDDEN',
        reason: null,
      },
    ].map((event, index) => ({ ...event, at: 1_800_000_000_000 + index })),
  )
  const newest = await server.inject({
    url: '/api/audit?limit=1',
    headers: { authorization: 'Bearer a-token-for-anna' },
  })
  expect(newest.json().events.map(({ who }: { who: string }) => who)).toEqual(['ben'])
  const others = await server.inject({
    url: '/api/audit',
    headers: { authorization: 'Bearer a-token-for-ben' },
  })
  expect(others.statusCode).toBe(403)
})

test('each route that is for operators and writes is recorded', async () => {
  const { declaredRoutes } = await service()
  const writing = declaredRoutes.filter(
    ({ method, config }) => method === 'POST' && config?.access === 'operator',
  )
  expect(writing.length).toBeGreaterThan(5)
  expect(writing.filter(({ config }) => config?.audit === undefined).map(({ url }) => url)).toEqual([])
})

test('where the trail cannot be written the log of the node has it, and what was done stays done', async () => {
  const lost = new TickerError('LOG_UNREACHABLE', 'no broker answers')
  const server = await service({ audit: { ...trail, record: () => Promise.reject(lost) } })
  expect(await asking(server, 'a-token-for-anna')('/api/models/rollback', { reason: 'because' })).toBe(201)
  expect(errors).toMatchObject([{ err: lost, entry: { action: 'rollback', who: 'anna', reason: 'because' } }])
})
