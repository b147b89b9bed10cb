import { afterEach, beforeEach, expect, test } from 'vitest'
import { logDesk } from '../processors/log-desk/log-desk.ts'
import { anyRecords, localRegistry } from '../schemas/index.ts'
import { type Log, memoryLog, type ProducerRecord, systemTimers } from '../topology/index.ts'
import { buildService } from './server.ts'
import { movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noLetters } from './testing/no-letters.ts'
import { noReleases } from './testing/no-releases.ts'

const schema = {
  type: 'record',
  name: 'Word',
  fields: [
    { name: 'word', type: 'string' },
    { name: 'share', type: 'double' },
    { name: 'raw', type: 'bytes' },
  ],
}
const headers = { authorization: 'Bearer secret' }

let log: Log
let schemaId: number
let server: Awaited<ReturnType<typeof buildService>>

beforeEach(async () => {
  log = memoryLog()
  await log.admin.createTopics([
    { topic: 'words', partitions: 2, config: { 'retention.ms': '-1' } },
    { topic: 'table', partitions: 1, config: { 'cleanup.policy': 'compact' } },
  ])
  const registry = localRegistry()
  schemaId = await registry.register('words-value', schema)
  const desk = logDesk({
    log,
    decode: anyRecords(registry, Date.now),
    clientId: 'desk',
    timers: systemTimers,
  })
  server = await buildService({
    source: movingSource(Date.now),
    releases: noReleases,
    deadLetters: noLetters,
    annotations: noAnnotations,
    log: desk,
    subjects: registry,
    token: 'secret',
    logger: { error: () => {} },
  })
})
afterEach(async () => {
  await server.close()
  await log.close()
})

async function get(url: string, bearing: Record<string, string> = headers) {
  const answer = await server.inject({ url, headers: bearing })
  return { status: answer.statusCode, body: answer.json() }
}

async function write(...records: readonly Partial<ProducerRecord>[]): Promise<void> {
  const producer = await log.producer({ clientId: 'writer' })
  await producer.init()
  const common = { topic: 'words', partition: 0, key: null, value: null, timestamp: 1_000 }
  await producer.send(records.map(each => ({ ...common, ...each })))
  await producer.close()
}

/** "hi", NaN, two bytes. */
function word(): Buffer {
  const bytes = Buffer.from([0, 0, 0, 0, 0, 4, 0x68, 0x69, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f, 4, 1, 255])
  bytes.writeUInt32BE(schemaId, 1)
  return bytes
}

test('topics are listed, and shown with their settings and partitions', async () => {
  await write({ value: Buffer.from('a') }, { value: Buffer.from('b') }, { partition: 1, value: word() })
  const { status, body } = await get('/api/topics', {})
  expect(status).toBe(200)
  expect(body.topics).toMatchObject([
    { topic: 'table', partitions: 1, offsets: 0, cleanup: 'compact', offline: 0, underReplicated: 0 },
    { topic: 'words', partitions: 2, offsets: 3, cleanup: 'delete', internal: false },
  ])
  expect(body.topics[1].bytes).toBeGreaterThan(0)
  expect((await get('/api/topics/words', {})).body).toMatchObject({
    settings: [{ name: 'retention.ms', value: '-1', own: true }],
    partitions: [
      { partition: 0, start: 0, end: 2 },
      { partition: 1, start: 0, end: 1 },
    ],
  })
  expect(await get('/api/topics/missing', {})).toMatchObject({
    status: 404,
    body: { code: 'LOG_UNKNOWN_TOPIC', message: 'there is no topic missing' },
  })
})

test('records are decoded, for who has the token', async () => {
  await write({
    key: Buffer.from('k'),
    value: word(),
    headers: [['trace', Buffer.from([7])]],
  })
  expect((await get('/api/topics/words/records', {})).status).toBe(401)
  const { status, body } = await get('/api/topics/words/records')
  expect(status).toBe(200)
  expect(body).toMatchObject({ ended: 'end', scanned: { records: 1 } })
  expect(body.records).toEqual([
    {
      partition: 0,
      offset: 0,
      timestamp: 1_000,
      key: { format: 'text', bytes: 1, text: 'k' },
      value: {
        format: 'avro',
        bytes: 19,
        schemaId,
        // What JSON lacks is text, and bytes are base64.
        decoded: { word: 'hi', share: 'NaN', raw: Buffer.from([1, 255]).toString('base64') },
      },
      headers: [['trace', { format: 'hex', bytes: 1, text: '07' }]],
    },
  ])
})

test('a record that cannot be decoded is shown all the same', async () => {
  await write({ value: word().subarray(0, 9) }, { value: Buffer.from([0, 0, 0, 0, 9, 1]) })
  const { body } = await get('/api/topics/words/records?from=oldest')
  expect(body.records).toMatchObject([
    { value: { format: 'hex', problem: expect.stringMatching(/^AVRO_TRUNCATED/) } },
    { value: { format: 'hex', text: '000000000901', problem: 'WIRE_SCHEMA_UNKNOWN: there is no schema 9' } },
  ])
})

test('records are found by key, offset, time and position', async () => {
  await write(
    ...Array.from({ length: 10 }, (_, n) => ({
      key: Buffer.from(n % 2 === 0 ? 'even' : 'odd'),
      value: Buffer.from(String(n)),
      timestamp: n * 1_000,
    })),
  )
  const found = async (query: string): Promise<string> => {
    const { body } = await get(`/api/topics/words/records?${query}`)
    expect(body).toHaveProperty('records')
    return body.records.map((record: { value: { text: string } }) => record.value.text).join(' ')
  }
  expect(await found('limit=3')).toBe('9 8 7')
  expect(await found('from=oldest&limit=3')).toBe('0 1 2')
  expect(await found('key=odd&limit=2')).toBe('9 7')
  expect(await found(`keyHex=${Buffer.from('even').toString('hex')}&from=oldest`)).toBe('0 2 4 6 8')
  expect(await found('offset=7&partition=0')).toBe('7 8 9')
  expect(await found('time=8000')).toBe('8 9')
  expect(await found('positions=0:3&time=8000')).toBe('8 9')
  expect(await found('positions=0:9')).toBe('9')
  expect(await found('positions=0:10,1:0')).toBe('')
})

test.each([
  ['offset=11', 400, 'RECORDS_OFFSET_BEYOND'],
  ['offset=-1', 400, 'BAD_REQUEST'],
  ['offset=1&from=oldest', 400, 'RECORDS_QUERY_INVALID'],
  ['keyHex=abc', 400, 'RECORDS_QUERY_INVALID'],
  ['keyHex=ab&key=c', 400, 'RECORDS_QUERY_INVALID'],
  ['positions=0', 400, 'RECORDS_QUERY_INVALID'],
  ['partition=2', 404, 'RECORDS_PARTITION_UNKNOWN'],
  ['limit=1000', 400, 'BAD_REQUEST'],
  ['from=somewhere', 400, 'BAD_REQUEST'],
])('%s is refused', async (query, status, code) => {
  expect(await get(`/api/topics/words/records?${query}`)).toMatchObject({ status, body: { code } })
})

test('records of a topic that is not there', async () => {
  expect(await get('/api/topics/missing/records')).toMatchObject({
    status: 404,
    body: { code: 'LOG_UNKNOWN_TOPIC' },
  })
})

test('groups are listed with their lag, and shown with members and positions', async () => {
  await write({ value: Buffer.from('a') }, { value: Buffer.from('b') }, { partition: 1, value: word() })
  const consumer = await log.consumer({
    group: 'readers',
    clientId: 'reader-1',
    topics: ['words'],
    assignor: ([member]) =>
      new Map([[member!.memberId, [0, 1].map(partition => ({ topic: 'words', partition }))]]),
    onAssigned: () => {},
  })
  await consumer.poll(0)
  await consumer.commit([{ topic: 'words', partition: 0, position: 1 }])
  await log.admin.setPositions('gone', [{ topic: 'words', partition: 1, position: 1 }])
  const { body } = await get('/api/groups', {})
  expect(body.groups).toEqual([
    { group: 'gone', state: 'Empty', members: 0, topics: ['words'], lag: 0, unknown: 0 },
    // It has not committed in partition 1.
    { group: 'readers', state: 'Stable', members: 1, topics: ['words'], lag: 1, unknown: 1 },
  ])
  const shown = (await get('/api/groups/readers', {})).body
  expect(shown.membership).toMatchObject([
    { clientId: 'reader-1', partitions: [{ partition: 0 }, { partition: 1 }] },
  ])
  const { memberId } = shown.membership[0]
  expect(shown.positions).toEqual([
    { topic: 'words', partition: 0, committed: 1, end: 2, lag: 1, memberId },
    { topic: 'words', partition: 1, end: 1, memberId },
  ])
  expect(await get('/api/groups/missing', {})).toMatchObject({ status: 404, body: { code: 'GROUP_UNKNOWN' } })
})

test('schemas are listed by subject, and shown with versions', async () => {
  expect((await get('/api/schemas', {})).body).toEqual({ subjects: ['words-value'] })
  expect((await get('/api/schemas/words-value', {})).body).toMatchObject({
    subject: 'words-value',
    versions: [{ version: 1, id: schemaId, type: 'AVRO', text: JSON.stringify(schema) }],
  })
  expect(await get('/api/schemas/missing', {})).toMatchObject({
    status: 404,
    body: { code: 'SUBJECT_UNKNOWN' },
  })
})

test('two searches at a time, and no more', async () => {
  await write({ value: word() })
  const answers = await Promise.all([1, 2, 3].map(() => get('/api/topics/words/records')))
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 503])
  expect((await get('/api/topics/words/records')).status).toBe(200)
})
