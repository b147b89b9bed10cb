/** The failure policy on a real broker, which says itself what is too large, and hands out again what was not committed. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rocksdbBackend } from '../state/index.ts'
import {
  deadLetterHeaders,
  deadLetterTopic,
  type Log,
  long,
  RecordCursor,
  StreamsNode,
  string,
  TopologyBuilder,
} from './index.ts'
import { brokerUnavailable } from './log/kafka/broker/distribution.ts'
import { startTemporaryBroker, type TemporaryBroker } from './log/kafka/broker/temporary-broker.ts'
import { kafkaLog } from './log/kafka/kafka-log.ts'

const reason = brokerUnavailable()
const LIMIT = 1000

describe.skipIf(reason !== undefined)(`the failure policy on kafka ${reason ?? ''}`, () => {
  let broker: TemporaryBroker
  let log: Log
  let directory: string

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tickerwatch-policy-'))
    broker = await startTemporaryBroker()
    log = await kafkaLog({ brokers: [broker.brokers], clientId: 'policy' })
  })

  afterAll(async () => {
    await log?.close()
    await broker?.stop()
    await rm(directory, { recursive: true, force: true })
  })

  async function contents(topic: string) {
    const [{ end } = { end: 0 }] = await log.admin.offsets(topic)
    const reader = await log.reader({ clientId: 'reader' })
    reader.seek({ topic, partition: 0 }, 0)
    const cursor = new RecordCursor()
    const found: { value: Buffer; headers: Map<string, string> }[] = []
    for (let position = 0; position < end; ) {
      for (const batch of await reader.poll(500)) {
        cursor.reset(batch, position)
        while (cursor.next()) {
          const headers = new Map(cursor.headers().map(([name, value]) => [name, value.toString()]))
          found.push({ value: Buffer.from(cursor.value!), headers })
        }
        position = batch.lastOffset + 1
      }
    }
    await reader.close()
    return found
  }

  test('what fails half-way, or is a byte too large, is dead-lettered once and leaves nothing', async () => {
    const topology = new TopologyBuilder()
    const stream = topology.stream('in', { key: string, value: string })
    stream.groupByKey().count('counts').toStream().to('counted', { value: long })
    stream.to('copied')
    stream.peek(value => {
      if (value?.startsWith('bad')) throw new Error('refused')
    })
    await log.admin.createTopics([
      { topic: 'in', partitions: 1 },
      { topic: 'counted', partitions: 1 },
      { topic: 'copied', partitions: 1, config: { 'max.message.bytes': String(LIMIT) } },
    ])
    // The batch's head, and of the record: two lengths of 2 bytes, five fields of 1 byte, the key.
    const largest = LIMIT - 61 - 2 * 2 - 5 - 1
    const values = Array.from({ length: 40 }, (_, i) =>
      i % 5 === 2 ? `bad ${i}` : i % 7 === 3 ? 'x'.repeat(largest + (i % 2)) : `good ${i}`,
    )
    const accepted = values.filter(value => !value.startsWith('bad') && value.length <= largest)
    const refused = values.filter(value => !accepted.includes(value))
    const producer = await log.producer({ clientId: 'producer' })
    await producer.init()
    await producer.send(
      values.map(value => ({
        topic: 'in',
        partition: 0,
        key: Buffer.from('k'),
        value: Buffer.from(value),
        timestamp: 1,
      })),
    )
    const node = new StreamsNode({
      topology: topology.build(),
      applicationId: 'policy',
      log,
      state: rocksdbBackend(directory),
      onFailure: { process: () => 'deadLetter', produce: () => 'deadLetter' },
    })
    await node.start()
    const running = node.run()
    running.catch(() => {})
    await expect
      .poll(async () => (await node.lag()).every(({ end, position }) => position === end), {
        timeout: 60_000,
      })
      .toBe(true)
    await node.close()
    await running
    expect((await contents('copied')).map(({ value }) => value.toString())).toEqual(accepted)
    const counts = (await contents('counted')).map(({ value }) => long.deserialize(value))
    expect(counts).toEqual(accepted.map((_, i) => i + 1))
    const letters = await contents(deadLetterTopic('policy'))
    expect(letters.map(({ value }) => value.toString())).toEqual(refused)
    expect(new Set(letters.map(({ headers }) => headers.get(deadLetterHeaders.code)))).toEqual(
      new Set(['RECORD_FAILED', 'RECORD_TOO_LARGE']),
    )
    await producer.close()
  })
})
