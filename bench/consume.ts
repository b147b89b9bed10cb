/** Reading a topic of readings from Kafka: the fetches alone, the records walked with a cursor, kafkajs. */
import { Kafka, logLevel } from 'kafkajs'
import { type Log, RecordCursor } from '../topology/index.ts'
import { benchmark, contest, expectEqual } from './benchmark.ts'
import { loadReadings, PARTITIONS } from './load-readings.ts'
import { withKafka } from './with-kafka.ts'

const TOPIC = 'readings'

export const consume = benchmark({
  name: 'consume',
  summary: 'readings from Kafka: records walked, beside fetches alone',
  sizes: { records: { of: 2_000_000, what: 'in the topic' }, rounds: { of: 3, what: 'of each way' } },
  run: async (size, signal) =>
    await withKafka(async ({ log, brokers }) => {
      const records = size('records')
      const bytes = await loadReadings(log, TOPIC, records, signal)
      const ways = {
        'fetched, not looked at': async () => expectEqual('records', await fetched(log, records), records),
        'walked: key, value, time': async () => expectEqual('bytes', await walked(log, records), bytes),
        'kafkajs, eachBatch': async () => expectEqual('bytes', await byKafkajs(brokers, records), bytes),
      }
      return await contest({ count: records, of: 'records', rounds: size('rounds'), ways })
    }),
})

async function fetched(log: Log, records: number): Promise<number> {
  const reader = await log.reader({ clientId: 'fetches' })
  for (let partition = 0; partition < PARTITIONS; partition++) reader.seek({ topic: TOPIC, partition }, 0)
  let count = 0
  while (count < records) for (const batch of await reader.poll(100)) count += batch.count
  await reader.close()
  return count
}

/** @returns how many bytes the values have */
async function walked(log: Log, records: number): Promise<number> {
  const reader = await log.reader({ clientId: 'walks' })
  for (let partition = 0; partition < PARTITIONS; partition++) reader.seek({ topic: TOPIC, partition }, 0)
  const cursor = new RecordCursor()
  let [count, bytes, times] = [0, 0, 0]
  while (count < records) {
    for (const batch of await reader.poll(100)) {
      for (cursor.reset(batch, 0); cursor.next(); count++) {
        bytes += cursor.key!.length + cursor.value!.length
        times += cursor.timestamp
      }
    }
  }
  await reader.close()
  if (times <= 0) throw new Error('the records have no times')
  return bytes
}

async function byKafkajs(brokers: string, records: number): Promise<number> {
  const kafka = new Kafka({ brokers: [brokers], clientId: 'kafkajs', logLevel: logLevel.ERROR })
  const consumer = kafka.consumer({ groupId: `kafkajs-${Date.now()}`, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true })
  let [count, bytes] = [0, 0]
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachBatchAutoResolve: true,
        async eachBatch({ batch }) {
          for (const { key, value } of batch.messages) bytes += key!.length + value!.length
          count += batch.messages.length
          if (count >= records) resolve()
        },
      })
      .catch(reject)
  })
  await consumer.disconnect()
  return bytes
}
