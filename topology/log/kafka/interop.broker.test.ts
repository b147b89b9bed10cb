/** Against the stock kafkajs client as an independent writer and reader, and against histories that it reads wrongly. */

import fc from 'fast-check'
import { CompressionTypes, Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Log, Producer } from '../log.ts'
import { RecordCursor } from '../record-batch.ts'
import { brokerUnavailable } from './broker/distribution.ts'
import { startTemporaryBroker, type TemporaryBroker } from './broker/temporary-broker.ts'
import { kafkaLog } from './kafka-log.ts'

const reason = brokerUnavailable()
const DEADLINE = 30_000

describe.skipIf(reason !== undefined)(`kafka, with other clients ${reason ?? ''}`, () => {
  let broker: TemporaryBroker
  let log: Log
  let kafka: Kafka

  beforeAll(async () => {
    broker = await startTemporaryBroker()
    log = await kafkaLog({ brokers: [broker.brokers], clientId: 'interop' })
    kafka = new Kafka({ brokers: [broker.brokers], logLevel: logLevel.NOTHING })
  })

  afterAll(async () => {
    await log?.close()
    await broker?.stop()
  })

  /** The records of a partition from a position, up to what can be read now. */
  async function readAll(topic: string, partition = 0, from = 0) {
    const end = (await log.admin.offsets(topic)).find(each => each.partition === partition)!.end
    const reader = await log.reader({ clientId: 'reader' })
    const cursor = new RecordCursor()
    const records: {
      offset: number
      key: string | undefined
      value: string | undefined
      timestamp: number
    }[] = []
    reader.seek({ topic, partition }, from)
    const deadline = Date.now() + DEADLINE
    for (let position = from; position < end; ) {
      if (Date.now() > deadline) throw new Error(`${topic}/${partition} stands at ${position} of ${end}`)
      for (const batch of await reader.poll(500)) {
        cursor.reset(batch, position)
        while (cursor.next()) {
          const { offset, key, value, timestamp } = cursor
          records.push({ offset, key: key?.toString('latin1'), value: value?.toString(), timestamp })
        }
        position = batch.lastOffset + 1
      }
    }
    await reader.close()
    return records
  }

  test('what they compress with gzip is read', async () => {
    await log.admin.createTopics([{ topic: 'packed', partitions: 1 }])
    const producer = kafka.producer()
    await producer.connect()
    const values = Array.from({ length: 100 }, (_, i) => `value ${i}`)
    const messages = values.map((value, i) => ({ value, timestamp: String(1_000 + i) }))
    await producer.send({ topic: 'packed', compression: CompressionTypes.GZIP, messages })
    await producer.disconnect()
    const read = await readAll('packed')
    expect(read.map(each => each.value)).toEqual(values)
    expect(read[99]?.timestamp).toBe(1_099)
  })

  test('they read what we write', async () => {
    await log.admin.createTopics([{ topic: 'ours', partitions: 1 }])
    const producer = await log.producer({ clientId: 'ours' })
    await producer.init()
    const headers = [['h', Buffer.from('1')]] as const
    const record = {
      topic: 'ours',
      partition: 0,
      key: Buffer.from('k'),
      value: Buffer.from('v'),
      timestamp: 5,
      headers,
    }
    await producer.send([record, { ...record, key: null, value: null, headers: [], timestamp: 3 }])
    const consumer = kafka.consumer({ groupId: 'theirs', maxWaitTimeInMs: 100 })
    await consumer.connect()
    await consumer.subscribe({ topic: 'ours', fromBeginning: true })
    const seen: unknown[] = []
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachMessage: async ({ message: { key, value, timestamp, headers: theirs } }) => {
            seen.push([key?.toString(), value?.toString(), timestamp, theirs?.h?.toString()])
            if (seen.length === 2) resolve()
          },
        })
        .catch(reject)
    })
    await consumer.disconnect()
    expect(seen).toEqual([
      ['k', 'v', '5', '1'],
      [undefined, undefined, '3', undefined],
    ])
  })

  test('each partition has its turn, also where there is more than an answer holds', async () => {
    const [partitions, megabytes] = [12, 3]
    await log.admin.createTopics([{ topic: 'wide', partitions }])
    const producer = await log.producer({ clientId: 'wide' })
    await producer.init()
    const value = Buffer.alloc(250_000)
    for (let partition = 0; partition < partitions; partition++) {
      const records = Array.from({ length: 4 * megabytes }, () => ({ key: null, value, timestamp: 1 }))
      await producer.send(records.map(each => ({ topic: 'wide', partition, ...each })))
    }
    const reader = await log.reader({ clientId: 'wide' })
    for (let partition = 0; partition < partitions; partition++) reader.seek({ topic: 'wide', partition }, 0)
    const read = new Map<number, number>()
    while (Math.max(0, ...read.values()) < 4 * megabytes) {
      for (const batch of await reader.poll(1_000)) read.set(batch.partition, batch.lastOffset + 1)
    }
    await reader.close()
    expect(read.size).toBe(partitions)
  })

  test('compaction leaves gaps, and batches with nothing in them: a reader passes over them from anywhere', async () => {
    const topic = 'compacted'
    const config = {
      'cleanup.policy': 'compact',
      'segment.ms': '100',
      'min.cleanable.dirty.ratio': '0.01',
      'delete.retention.ms': '0',
    }
    await log.admin.createTopics([{ topic, partitions: 1, config }])
    const write = async (producer: Producer, keys: readonly string[], value: string | null) => {
      const records = keys.map(key => ({
        key: Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
      }))
      return await producer.send(
        records.map(each => ({ topic, partition: 0, timestamp: Date.now(), ...each })),
      )
    }
    // Two producers, so that one's last batch is kept empty once the other has overwritten its keys.
    const first = await log.producer({ clientId: 'first' })
    const second = await log.producer({ clientId: 'second', transactionalId: 'second' })
    await first.init()
    await second.init()
    await write(first, ['a', 'b', 'c'], 'old')
    for (const [value, commit] of [
      ['aborted', false],
      ['new', true],
    ] as const) {
      second.begin()
      await write(second, ['a', 'b', 'c'], value)
      await (commit ? second.commit() : second.abort())
    }
    // Compaction leaves the newest segment alone; a record whose timestamp is `segment.ms` later begins another.
    const deadline = Date.now() + DEADLINE
    const readTriples = async (from: number) =>
      (await readAll(topic, 0, from)).filter(each => each.key !== 'tick')
    let read = await readTriples(0)
    while (read.some(each => each.value === 'old') && Date.now() < deadline) {
      await write(first, ['tick'], 'tick')
      read = await readTriples(0)
    }
    expect(read.map(each => `${each.key} ${each.value}`)).toEqual(['a new', 'b new', 'c new'])
    const [{ end } = { end: 0 }] = await log.admin.offsets(topic)
    for (let from = 0; from < end; from++) {
      expect(await readTriples(from)).toEqual(read.filter(each => each.offset >= from))
    }
  })

  test('random transactions that overlap in a partition leave what was committed, read from any offset', async () => {
    const [partitions, writers] = [2, 3]
    const topic = 'interleaved'
    await log.admin.createTopics([{ topic, partitions }])
    const producers = await Promise.all(
      Array.from({ length: writers }, async (_, n) => {
        const producer = await log.producer({ clientId: `writer-${n}`, transactionalId: `writer-${n}` })
        await producer.init()
        return producer
      }),
    )
    const keys = [null, Buffer.alloc(0), Buffer.alloc(4), Buffer.from([0, 0, 0, 1])]
    const step = fc.record({
      writer: fc.nat(writers - 1),
      partition: fc.nat(partitions - 1),
      count: fc.integer({ min: 1, max: 20 }),
      key: fc.constantFrom(...keys),
      end: fc.constantFrom('commit', 'abort', 'go on', 'go on'),
    })
    const steps = fc.sample(step, { numRuns: 300, seed: 7 })
    const committed: { partition: number; offset: number; value: string }[] = []
    const open: (typeof committed)[] = producers.map(() => [])
    const begun = producers.map(() => false)
    const finish = async (writer: number, commit: boolean) => {
      if (commit) committed.push(...open[writer]!)
      open[writer] = []
      begun[writer] = false
      await (commit ? producers[writer]!.commit() : producers[writer]!.abort())
    }
    let serial = 0
    for (const { writer, partition, count, key, end } of steps) {
      const producer = producers[writer]!
      if (!begun[writer]) producer.begin()
      begun[writer] = true
      const values = Array.from({ length: count }, () => `${serial++}`)
      const records = values.map(value => ({
        topic,
        partition,
        key,
        value: Buffer.from(value),
        timestamp: serial,
      }))
      const [{ position } = { position: 0 }] = await producer.send(records)
      open[writer]!.push(...values.map((value, i) => ({ partition, offset: position - count + i, value })))
      if (end !== 'go on') await finish(writer, end === 'commit')
    }
    for (let writer = 0; writer < writers; writer++) if (begun[writer]) await finish(writer, true)
    for (let partition = 0; partition < partitions; partition++) {
      const expected = committed
        .filter(each => each.partition === partition)
        .sort((a, b) => a.offset - b.offset)
      const end = (await log.admin.offsets(topic)).find(each => each.partition === partition)!.end
      const starts = [0, ...fc.sample(fc.nat(end - 1), { numRuns: 40, seed: 11 })]
      for (const from of starts) {
        const read = await readAll(topic, partition, from)
        const found = read.map(({ offset, value }) => ({ partition, offset, value }))
        expect(found).toEqual(expected.filter(each => each.offset >= from))
      }
    }
  })
})
