import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseRelease, releaseJson } from '../processors/models/release.ts'
import { releaseDesk } from '../processors/models/release-desk.ts'
import { ReleaseHistory } from '../processors/models/release-history.ts'
import { ANYONE, release, SCHEMA } from '../processors/models/testing/releases.ts'
import { topicSpecs } from '../processors/topics.ts'
import { avroSerdes, localRegistry } from '../schemas/index.ts'
import { memoryLog, systemTimers, TickerError } from '../topology/index.ts'
import { buildService } from './server.ts'
import { movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noLetters } from './testing/no-letters.ts'
import { noReleases } from './testing/no-releases.ts'

const closing: (() => unknown)[] = []
let server: Awaited<ReturnType<typeof buildService>>
let history: ReleaseHistory

/** A log of its own, with what follows its releases, behind the routes. */
beforeEach(async () => {
  const log = memoryLog()
  await log.admin.createTopics(topicSpecs(1))
  const following = {
    log,
    avro: avroSerdes(localRegistry()),
    name: 'watch',
    trusted: ANYONE,
    clientId: 'test',
    timers: systemTimers,
  }
  history = new ReleaseHistory({ ...following, logger: { info: () => {}, warn: () => {} } })
  history.start(() => {})
  const releases = releaseDesk({ ...following, schema: SCHEMA, history, applicationId: 'test' })
  server = await serviceOf(releases)
  closing.push(
    () => log.close(),
    () => history.close(),
    () => server.close(),
  )
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const serviceOf = (releases: typeof noReleases) =>
  buildService({
    source: movingSource(Date.now),
    releases,
    deadLetters: noLetters,
    annotations: noAnnotations,
    token: 'secret',
    logger: { error: () => {} },
  })

async function post(url: string, payload: object | string, authorization = 'Bearer secret') {
  const headers = { 'content-type': 'application/json', authorization }
  const answer = await server.inject({ method: 'POST', url, payload, headers })
  return [answer.statusCode, answer.json()]
}

test('a release goes its way from candidate through shadow into force and back, each time with a reason', async () => {
  const [old, better] = [await release('1.0.0'), await release('1.1.0')]
  expect(await post('/api/models?promote=true&reason=the+first', releaseJson(old))).toEqual([
    201,
    { name: 'watch', version: '1.0.0', status: 'promoted', reason: 'the first' },
  ])
  expect(await post('/api/models', releaseJson(better))).toMatchObject([201, { status: 'candidate' }])
  const id = { name: 'watch', version: '1.1.0' }
  expect(await post('/api/models/shadow', id)).toMatchObject([201, { ...id, status: 'shadow' }])
  await history.caughtUp()
  expect(history.shadow).toBe('1.1.0')
  expect(await post('/api/models/shadow', { end: true })).toMatchObject([201, { status: 'candidate' }])
  expect(await post('/api/models/promote', { ...id, reason: 'agrees' })).toMatchObject([
    201,
    { ...id, status: 'promoted', reason: 'agrees' },
  ])
  expect(await post('/api/models/rollback', { reason: 'it was worse' })).toMatchObject([
    201,
    { version: '1.0.0', status: 'promoted', reason: 'it was worse' },
  ])
  await history.caughtUp()
  expect([history.promoted, history.shadow]).toEqual([['1.0.0'], undefined])
  expect(history.events.map(({ version, status, reason }) => [version, status, reason])).toEqual([
    ['1.0.0', 'promoted', 'the first'],
    ['1.1.0', 'candidate', null],
    ['1.1.0', 'shadow', null],
    ['1.1.0', 'candidate', null],
    ['1.1.0', 'promoted', 'agrees'],
    ['1.0.0', 'promoted', 'it was worse'],
    ['1.1.0', 'retired', 'it was worse'],
  ])
})

test('a release is handed out as its file, to who bears the token', async () => {
  const published = await release('1.0.0')
  await post('/api/models?promote=true', releaseJson(published))
  const get = async (query: string, authorization: string): Promise<[number, unknown]> => {
    const answer = await server.inject({ url: `/api/models/release?${query}`, headers: { authorization } })
    return [answer.statusCode, answer.json()]
  }
  const [status, handedOut] = await get('name=watch&version=1.0.0', 'Bearer secret')
  expect(status).toBe(200)
  expect(parseRelease(JSON.stringify(handedOut), 'the answer')).toEqual(published)
  expect(await get('name=watch&version=1.0.0', 'Bearer guessed')).toMatchObject([401, {}])
  expect(await get('name=watch&version=2.0.0', 'Bearer secret')).toMatchObject([
    422,
    { code: 'MODEL_UNKNOWN' },
  ])
  expect(await get('name=watch', 'Bearer secret')).toMatchObject([400, { code: 'BAD_REQUEST' }])
})

test('what cannot be done is answered with its error, and nothing is published', async () => {
  await post('/api/models?promote=true', releaseJson(await release('1.0.0')))
  await history.caughtUp()
  const id = { name: 'watch', version: '1.0.0' }
  const code = async (url: string, body: object | string) => {
    const [status, answer] = await post(url, body)
    return [status, answer.code]
  }
  const wrong = await release('1.1.0', { sha256: '0'.repeat(64) })
  expect(await code('/api/models', releaseJson(wrong))).toEqual([422, 'MODEL_DAMAGED'])
  expect(await code('/api/models', { name: 'watch' })).toEqual([422, 'MODEL_FILE_INVALID'])
  expect(await code('/api/models/promote', { ...id, version: '9.9.9', reason: 'x' })).toEqual([
    422,
    'MODEL_UNKNOWN',
  ])
  expect(await code('/api/models/promote', { ...id, name: 'phone', reason: 'x' })).toEqual([
    422,
    'MODEL_UNKNOWN',
  ])
  expect(await code('/api/models/shadow', id)).toEqual([422, 'MODEL_IN_FORCE'])
  expect(await code('/api/models/shadow', { end: true })).toEqual([422, 'MODEL_NO_SHADOW'])
  expect(await code('/api/models/rollback', { reason: 'x' })).toEqual([422, 'MODEL_NO_EARLIER'])
  expect(await code('/api/models/rollback', {})).toEqual([400, 'BAD_REQUEST'])
  expect(await code('/api/models/promote', id)).toEqual([400, 'BAD_REQUEST'])
  expect((await post('/api/models', '{"cut'))[0]).toBe(400)
  expect((await post('/api/models', { onnx: 'x'.repeat(6 << 20) }))[0]).toBe(413)
  await history.caughtUp()
  expect(history.events).toHaveLength(1)
})

test('nothing is changed without the token; a log that does not answer is 503', async () => {
  for (const path of ['', '/promote', '/shadow', '/rollback'])
    expect((await post(`/api/models${path}`, { reason: 'x' }, 'Bearer wrong'))[0]).toBe(401)
  await server.close()
  server = await serviceOf({
    ...noReleases,
    rollback: () => Promise.reject(new TickerError('LOG_UNREACHABLE', 'no broker answers')),
  })
  expect(await post('/api/models/rollback', { reason: 'x' })).toMatchObject([
    503,
    { code: 'LOG_UNREACHABLE' },
  ])
})
