import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { Prediction } from '../../schemas/index.ts'
import type { DeadLetter } from '../../topology/dead-letters.ts'
import type { Log } from '../../topology/log/log.ts'
import { ApplicationError } from '../errors.ts'
import { migrate } from './migrations.ts'
import { openPglite } from './pglite.ts'
import type { Sql } from './sql.ts'
import { type SqlSink, type SqlSinkOptions, startSqlSink } from './sql-sink.ts'
import {
  dropTables,
  expectedRows,
  logWithTopic,
  prediction,
  produce,
  topic,
  writtenRows,
} from './testing/predictions.ts'

/** PGlite takes its time on a busy machine. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })
const until = { timeout: 60_000, interval: 10 }
let sql: Sql

beforeAll(async () => {
  sql = openPglite()
  await sql.query('select 1')
}, 60_000)
afterAll(() => sql.close())
beforeEach(async () => {
  await dropTables(sql)
})

const silent = { info: () => {}, warn: () => {} }

let sinks = 0
function start(log: Log, options: Partial<SqlSinkOptions> = {}): SqlSink {
  return startSqlSink({
    log,
    sql,
    topic,
    group: 'sink',
    clientId: `sink-${++sinks}`,
    decode: Prediction.decode,
    onDeadLetter: async () => {},
    logger: silent,
    ...options,
  })
}

test('each prediction of the log has one row, and a restart goes on where it was', async () => {
  const log = await logWithTopic(2)
  await produce(log, 0, 5_000, 2)
  const sink = start(log)
  await sink.drained()
  expect(sink.status()).toMatchObject({
    rows: (await expectedRows(log)).length,
    deadLettered: 0,
    paused: undefined,
  })
  await sink.close()
  expect(await writtenRows(sql)).toEqual(await expectedRows(log))
  expect(
    (await sql.query('select * from predictions where "partition" = 0 order by "offset" limit 1')).rows[0],
  ).toEqual({
    device_id: 'watch-0',
    window_start: new Date(1_600_000_000_000),
    window_end: new Date(1_600_000_005_000),
    samples: 50,
    label: 'walking',
    confidence: 0.75,
    margin: 0.5,
    probabilities: '[0.75,0.25,0.1]',
    route: 'unsure',
    model_name: 'watch',
    model_version: '1.0.0',
    feature_schema_hash: 'abc',
    log_id: (await log.admin.describeTopic(topic))?.identity,
    partition: 0,
    offset: 0,
    inserted_at: expect.any(Date),
  })

  await produce(log, 5_100, 5_200, 2)
  const next = start(log, { group: 'another group, whose own position is 0' })
  await next.drained()
  expect(next.status().rows).toBe(100)
  await vi.waitFor(() => expect(next.status().lag).toBe(0), until)
  await next.close()
  expect(await writtenRows(sql)).toEqual(await expectedRows(log))
})

test('sinks that share a partition, or take it from one another, write each record once', async () => {
  const log = await logWithTopic(3)
  const rivals = [start(log, { group: 'a' }), start(log, { group: 'b' }), start(log, { group: 'b' })]
  await produce(log, 0, 6_000, 3)
  await Promise.all(rivals.map(sink => sink.drained()))
  await rivals[1]?.close()
  await produce(log, 6_000, 8_000, 3)
  await rivals[2]?.drained()
  expect(await writtenRows(sql)).toEqual(await expectedRows(log))
  expect(rivals.reduce((sum, sink) => sum + sink.status().rows, 0)).toBe((await expectedRows(log)).length)
  await Promise.all(rivals.map(sink => sink.close()))
})

test('another log starts anew and says so; the first one can go on later', async () => {
  const first = await logWithTopic()
  await produce(first, 0, 50)
  const sink = start(first)
  await sink.drained()
  await sink.close()

  const second = await logWithTopic()
  await produce(second, 0, 30)
  const warnings: string[] = []
  const other = start(second, { logger: { info: () => {}, warn: (text: string) => warnings.push(text) } })
  await other.drained()
  await other.close()
  expect(warnings).toEqual([expect.stringContaining('another log')])
  expect(await writtenRows(sql)).toHaveLength(80)

  await produce(first, 50, 60)
  const again = start(first)
  await again.drained()
  await again.close()
  expect(again.status().rows).toBe(10)
})

test('what no row can hold becomes a dead letter, once, and the rest is written', async () => {
  const log = await logWithTopic()
  const bad = [
    Buffer.from('no prediction'),
    null,
    Prediction.encode({ ...prediction(1), label: 'wal\0king' }),
    Prediction.encode({ ...prediction(1), windowEnd: 300_000_000_000_000 }),
    Prediction.encode({ ...prediction(1), deviceId: 'ä'.repeat(513) }),
    Prediction.encode({ ...prediction(1), modelName: 'no \ufffe character' }),
  ]
  const producer = await log.producer({ clientId: 'test' })
  await producer.init()
  for (const value of [Prediction.encode(prediction(0)), ...bad, Prediction.encode(prediction(9))])
    await producer.send([
      { topic, partition: 0, key: Buffer.from('k'), value, timestamp: 7, headers: [['h', Buffer.from('v')]] },
    ])
  const letters: DeadLetter[] = []
  let refuse = true
  const sink = start(log, {
    onDeadLetter: async letter => {
      // The dead-letter topic is out of reach at first: the record must not be passed over.
      if (letters.length === 1 && refuse) {
        refuse = false
        throw new Error('out of reach')
      }
      letters.push({
        ...letter,
        key: Buffer.from(letter.key!),
        value: letter.value && Buffer.from(letter.value),
      })
    },
  })
  await sink.drained()
  expect(sink.status()).toMatchObject({ rows: 2, deadLettered: 6 })
  await sink.close()
  expect(letters.map(({ offset, code, value }) => ({ offset, code, value }))).toEqual([
    { offset: 1, code: 'RECORD_UNDECODABLE', value: bad[0] },
    { offset: 2, code: 'RECORD_INVALID', value: null },
    { offset: 3, code: 'RECORD_INVALID', value: bad[2] },
    { offset: 4, code: 'RECORD_INVALID', value: bad[3] },
    { offset: 5, code: 'RECORD_INVALID', value: bad[4] },
    { offset: 6, code: 'RECORD_INVALID', value: bad[5] },
  ])
  expect(letters[0]).toMatchObject({
    topic,
    partition: 0,
    timestamp: 7,
    key: Buffer.from('k'),
    headers: [['h', Buffer.from('v')]],
  })
})

test('text comes back as it was, whatever it holds', async () => {
  const log = await logWithTopic()
  const texts = ['a "quoted", text', 'two\nlines\r\n', '', ' ', '\\.', '\\N', 'NULL', 'ä 漢字 😀', "it's"]
  const producer = await log.producer({ clientId: 'test' })
  await producer.init()
  for (const label of texts)
    await producer.send([
      { topic, partition: 0, key: null, value: Prediction.encode({ ...prediction(0), label }), timestamp: 0 },
    ])
  const sink = start(log)
  await sink.drained()
  await sink.close()
  const { rows } = await sql.query('select label from predictions order by "offset"')
  expect(rows.map(({ label }) => label)).toEqual(texts)
})

test('a database that is away, or goes away around a commit, costs nothing but time', async () => {
  const log = await logWithTopic(2)
  let trouble: 'away' | 'before commit' | 'after commit' | undefined = 'away'
  const lost = (): ApplicationError => new ApplicationError('SQL_UNREACHABLE', 'the connection was cut')
  const unreliable: Sql = {
    ...sql,
    query: (text, params) => (trouble === 'away' ? Promise.reject(lost()) : sql.query(text, params)),
    transaction: async work => {
      if (trouble === 'away') throw lost()
      if (trouble === 'before commit') {
        trouble = undefined
        return sql.transaction(async session => {
          await work(session)
          throw lost()
        })
      }
      const result = await sql.transaction(work)
      if (trouble === 'after commit') {
        trouble = undefined
        throw lost()
      }
      return result
    },
  }
  const notes: string[] = []
  const note = (text: string): void => void notes.push(text)
  const sink = start(log, { sql: unreliable, logger: { info: note, warn: note } })
  await vi.waitFor(() => expect(sink.status().paused?.attempts).toBeGreaterThan(1), until)
  expect(sink.status().paused?.reason).toBe('the connection was cut')
  await produce(log, 0, 2_500, 2)
  trouble = 'before commit'
  await vi.waitFor(() => expect(trouble).toBeUndefined(), until)
  await sink.drained()
  trouble = 'after commit'
  await produce(log, 2_500, 5_000, 2)
  await vi.waitFor(() => expect(trouble).toBeUndefined(), until)
  await sink.drained()
  await vi.waitFor(() => expect(sink.status().paused).toBeUndefined(), until)
  await sink.close()
  expect(await writtenRows(sql)).toEqual(await expectedRows(log))
  expect(notes.filter(text => text.includes('written again'))).toHaveLength(
    notes.filter(text => text.includes('wait')).length,
  )
})

test('a batch is written when it has its rows, when it is old, or when someone waits for the end', async () => {
  const log = await logWithTopic(2)
  await produce(log, 0, 200, 2)
  const rare: Sql = { ...sql, dialect: { ...sql.dialect, batch: { rows: 150, age: 3_600_000 } } }
  const sink = start(log, { sql: rare })
  await vi.waitFor(() => expect(sink.status()).toMatchObject({ rows: 150, lag: expect.any(Number) }), until)
  await vi.waitFor(() => expect(sink.status().lag).toBeGreaterThanOrEqual(50), until)
  await vi.waitFor(() => expect(sink.status().delay).toBeGreaterThan(500), until)
  expect(await writtenRows(sql)).toHaveLength(150)
  await sink.drained()
  expect(await writtenRows(sql)).toEqual(await expectedRows(log))
  await vi.waitFor(() => expect(sink.status()).toMatchObject({ lag: 0, delay: 0 }), until)
  await sink.close()
})

test('tables of a newer version are written to all the same, and it is said', async () => {
  const log = await logWithTopic()
  await produce(log, 0, 10)
  const [first] = sql.dialect.migrations
  const second = {
    version: 2,
    name: 'where it was',
    statements: ['alter table predictions add column place text'],
  }
  await migrate(sql, [first!, second], 0)
  const warnings: string[] = []
  const sink = start(log, { logger: { info: () => {}, warn: (text: string) => warnings.push(text) } })
  await sink.drained()
  await sink.close()
  expect(await writtenRows(sql)).toEqual(await expectedRows(log))
  expect(warnings).toEqual([expect.stringContaining("of version 2, newer than this program's 1")])
})

test('a schema that must be fetched first is waited for', async () => {
  const log = await logWithTopic()
  await produce(log, 0, 10)
  let known = false
  const sink = start(log, {
    decode: value => {
      if (known) return Prediction.decode(value)
      const ready = Promise.resolve().then(() => {
        known = true
      })
      throw Object.assign(new Error('pending'), { ready })
    },
  })
  await sink.drained()
  await sink.close()
  expect(sink.status()).toMatchObject({ rows: 10, deadLettered: 0 })
})

test('drained() does not outlast the sink', async () => {
  const log = await logWithTopic()
  await produce(log, 0, 10)
  const sink = start(log, {
    decode: () => Prediction.decode(Buffer.alloc(0)),
    onDeadLetter: () => Promise.reject(new Error('no')),
  })
  const drained = expect(sink.drained()).rejects.toMatchObject({ code: 'LOG_MISUSED' })
  await sink.close()
  await drained
})
