/** Writing readings to Kafka: batches encoded before alone, records through the producer, in transactions, kafkajs. */
import { Kafka, logLevel } from 'kafkajs'
import type { Log, Producer, ProducerRecord } from '../topology/index.ts'
import { benchmark, contest, expectEqual, type Figure } from './benchmark.ts'
import { BatchSender, encodeAhead } from './encoded-batches.ts'
import { PARTITIONS, readings } from './load-readings.ts'
import { withKafka } from './with-kafka.ts'

const TOPIC = 'readings'

export const produce = benchmark({
  name: 'produce',
  summary: 'readings to Kafka: plain and in transactions, beside batches that were encoded before',
  sizes: {
    records: { of: 500_000, what: 'written by each way' },
    send: { of: 5_000, what: 'records in one call, and in one transaction' },
    rounds: { of: 3, what: 'of each way' },
  },
  run: async (size, signal) =>
    await withKafka(async ({ log, brokers }): Promise<Figure[]> => {
      const config = { 'retention.ms': '-1' }
      await log.admin.createTopics([{ topic: TOPIC, partitions: PARTITIONS, config }])
      const chunks = chunked(
        (await readings(size('records'), signal)).map(record => ({ topic: TOPIC, ...record })),
        size('send'),
      )
      const encoded = chunks.map(encodeAhead)
      const sender = await BatchSender.connect(brokers, TOPIC)
      const plain = await opened(log, {})
      const transactional = await opened(log, { transactionalId: 'bench' })
      const client = new Kafka({ brokers: [brokers], clientId: 'kafkajs', logLevel: logLevel.ERROR })
      const theirs = client.producer({ allowAutoTopicCreation: false })
      await theirs.connect()
      const ways = {
        'encoded before': async () => {
          for (const batches of encoded) await sender.send(batches)
        },
        'the producer': async () => {
          for (const chunk of chunks) await plain.send(chunk)
        },
        'the producer, in transactions': async () => {
          for (const chunk of chunks) {
            transactional.begin()
            await transactional.send(chunk)
            await transactional.commit()
          }
        },
        'kafkajs, plain': async () => {
          for (const chunk of chunks) {
            const messages = chunk.map(({ key, value, partition, timestamp }) => ({
              ...{ key, value, partition },
              timestamp: String(timestamp),
            }))
            await theirs.send({ topic: TOPIC, messages })
          }
        },
      }
      const rounds = size('rounds')
      const figures = await contest({ count: size('records'), of: 'records', rounds, ways })
      await Promise.all([sender.close(), plain.close(), transactional.close(), theirs.disconnect()])
      const expected = size('records') * rounds * Object.keys(ways).length
      expectEqual('records in the topic', await stored(log), expected)
      return figures
    }),
})

async function opened(log: Log, { transactionalId }: { transactionalId?: string }): Promise<Producer> {
  const options = { clientId: 'bench', ...(transactionalId === undefined ? {} : { transactionalId }) }
  const producer = await log.producer(options)
  await producer.init()
  return producer
}

function chunked(records: readonly ProducerRecord[], size: number): ProducerRecord[][] {
  const chunks: ProducerRecord[][] = []
  for (let at = 0; at < records.length; at += size) chunks.push(records.slice(at, at + size))
  return chunks
}

/** Without the markers of transactions. */
async function stored(log: Log): Promise<number> {
  const ends = new Map((await log.admin.offsets(TOPIC)).map(({ partition, end }) => [partition, end]))
  const reader = await log.reader({ clientId: 'count' })
  for (const partition of ends.keys()) reader.seek({ topic: TOPIC, partition }, 0)
  let count = 0
  while (ends.size > 0) {
    for (const batch of await reader.poll(100)) {
      count += batch.count
      if (batch.lastOffset + 1 >= ends.get(batch.partition)!) ends.delete(batch.partition)
    }
  }
  await reader.close()
  return count
}
