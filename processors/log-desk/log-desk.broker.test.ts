/** The desk on a real broker, whose topics have markers, aborted records and several producers at once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anyRecords, localRegistry } from '../../schemas/index.ts'
import { type Log, type Producer, systemTimers } from '../../topology/index.ts'
import { brokerUnavailable } from '../../topology/log/kafka/broker/distribution.ts'
import {
  startTemporaryBroker,
  type TemporaryBroker,
} from '../../topology/log/kafka/broker/temporary-broker.ts'
import { kafkaLog } from '../../topology/log/kafka/kafka-log.ts'
import { type LogDesk, logDesk, type ShownRecords } from './log-desk.ts'
import type { RecordQuery } from './record-search.ts'

const reason = brokerUnavailable()
const topic = 'numbers'

describe.skipIf(reason !== undefined)(`topics and groups on kafka ${reason ?? ''}`, () => {
  let broker: TemporaryBroker
  let log: Log
  let desk: LogDesk
  const producers: Producer[] = []

  async function transactional(id: string): Promise<Producer> {
    const producer = await log.producer({ clientId: id, transactionalId: id })
    await producer.init()
    producers.push(producer)
    return producer
  }

  const record = (n: number, text = String(n)) => ({
    topic,
    partition: n % 2,
    key: Buffer.from(`key ${n % 5}`),
    value: Buffer.from(text),
    timestamp: 1_000 * n,
  })

  beforeAll(async () => {
    broker = await startTemporaryBroker()
    log = await kafkaLog({ brokers: [broker.brokers], clientId: 'desk-test' })
    desk = logDesk({
      log,
      decode: anyRecords(localRegistry(), Date.now),
      clientId: 'desk',
      timers: systemTimers,
    })
    await log.admin.createTopics([
      { topic, partitions: 2, config: { 'retention.ms': '-1', 'segment.bytes': '1048576' } },
    ])
    const one = await transactional('one')
    const other = await transactional('other')
    for (let first = 0; first < 100; first += 10) {
      // What is aborted lies between what is committed, of two producers at once.
      one.begin()
      other.begin()
      await one.send(Array.from({ length: 10 }, (_, i) => record(first + i)))
      await other.send([record(first, 'aborted'), record(first + 1, 'aborted')])
      await one.commit()
      await other.abort()
    }
  })
  afterAll(async () => {
    for (const producer of producers) await producer.close()
    await log?.close()
    await broker?.stop()
  })

  const values = ({ records }: ShownRecords): (string | undefined)[] =>
    records.map(({ value }) => value?.text)
  const numbers = (found: ShownRecords): number[] =>
    values(found)
      .map(Number)
      .toSorted((a, b) => a - b)
  const search = (query: Partial<RecordQuery>): Promise<ShownRecords> =>
    desk.records(topic, { from: { at: 'oldest' }, limit: 200, ...query })
  /** A marker may be written a moment after its transaction has ended. */
  const whole = async (): Promise<ShownRecords> => {
    await expect.poll(async () => (await search({})).records.length, { timeout: 30_000 }).toBe(100)
    return await search({})
  }

  test('aborted records are not shown, and all others are', async () => {
    const found = await whole()
    expect(numbers(found)).toEqual(Array.from({ length: 100 }, (_, n) => n))
    expect(found.ended).toBe('end')
    // Markers and aborted records take offsets: 50 records in a partition, 10 aborted, two markers of each round.
    expect(found.looked.map(({ partition, from, to, end }) => [partition, from, to, end])).toEqual([
      [0, 0, 80, 80],
      [1, 0, 80, 80],
    ])
    const newest = await search({ from: { at: 'newest' }, limit: 5 })
    expect(values(newest)).toEqual(['99', '98', '97', '96', '95'])
  })

  test('by key, time, offset, and on from there', async () => {
    await whole()
    const byKey = await search({ key: Buffer.from('key 3') })
    expect(numbers(byKey)).toEqual(Array.from({ length: 20 }, (_, i) => 3 + 5 * i))
    expect(values(await search({ key: Buffer.from('key 3'), from: { at: 'newest' }, limit: 2 }))).toEqual([
      '98',
      '93',
    ])
    const late = await search({ from: { time: 95_000 }, since: 95_000 })
    expect(numbers(late)).toEqual([95, 96, 97, 98, 99])
    // Event time lies long ago, and the first marker does not: what comes before it has been left out.
    expect(late.scanned.records).toBeLessThan(100)
    expect((await search({ from: { time: 100_000 }, since: 100_000 })).records).toEqual([])
    const first = await search({ partition: 0, from: { offset: 1 }, limit: 3 })
    expect(values(first)).toEqual(['2', '4', '6'])
    const positions = new Map([[0, first.looked[0]!.to]])
    expect(values(await search({ from: { positions }, limit: 3 }))).toEqual(['8', '10', '12'])
    await expect(search({ partition: 0, from: { offset: 81 } })).rejects.toMatchObject({
      code: 'RECORDS_OFFSET_BEYOND',
    })
  })

  test('topics are told with sizes, replicas and settings, and one that is not there by name', async () => {
    await whole()
    const listed = (await desk.topics()).find(each => each.topic === topic)
    expect(listed).toMatchObject({
      partitions: 2,
      offsets: 160,
      offline: 0,
      underReplicated: 0,
      cleanup: 'delete',
    })
    expect(listed!.bytes).toBeGreaterThan(1_000)
    const { partitions, settings } = await desk.topic(topic)
    expect(partitions).toMatchObject([
      { partition: 0, start: 0, end: 80, leader: expect.any(Number) },
      { partition: 1, start: 0, end: 80, leader: expect.any(Number) },
    ])
    expect(partitions[0]!.inSync).toEqual([partitions[0]!.leader])
    expect(settings).toContainEqual({ name: 'segment.bytes', value: '1048576', own: true })
    expect(settings.find(({ name }) => name === 'min.insync.replicas')).toMatchObject({ own: false })
    await expect(desk.topic('missing')).rejects.toMatchObject({ code: 'LOG_UNKNOWN_TOPIC' })
    await expect(desk.topic('no topic')).rejects.toMatchObject({ code: 'LOG_UNKNOWN_TOPIC' })
    await expect(desk.records('missing', { from: { at: 'oldest' }, limit: 1 })).rejects.toMatchObject({
      code: 'LOG_UNKNOWN_TOPIC',
    })
  })

  test('groups are told with members, hosts and lag', async () => {
    await whole()
    let assigned = 0
    const consumer = await log.consumer({
      group: 'readers',
      clientId: 'reader-1',
      topics: [topic],
      assignor: ([member]) => new Map([[member!.memberId, [0, 1].map(partition => ({ topic, partition }))]]),
      onAssigned: ({ partitions }) => {
        assigned = partitions.length
      },
    })
    await expect
      .poll(
        async () => {
          await consumer.poll(100)
          return assigned
        },
        { timeout: 30_000 },
      )
      .toBe(2)
    await consumer.commit([{ topic, partition: 0, position: 30 }])
    const shown = await desk.group('readers')
    expect(shown).toMatchObject({ state: 'Stable', members: 1, topics: [topic], lag: 50, unknown: 1 })
    expect(shown.membership[0]).toMatchObject({ clientId: 'reader-1', host: '127.0.0.1' })
    expect(shown.positions).toMatchObject([
      { partition: 0, committed: 30, end: 80, lag: 50 },
      { partition: 1, committed: undefined, end: 80, lag: undefined },
    ])
    expect((await desk.groups()).find(({ group }) => group === 'readers')).toMatchObject({ members: 1 })
    await consumer.close()
    await expect.poll(async () => (await desk.group('readers')).state, { timeout: 30_000 }).toBe('Empty')
    await expect(desk.group('missing')).rejects.toMatchObject({ code: 'GROUP_UNKNOWN' })
  })
})
