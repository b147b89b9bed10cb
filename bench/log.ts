/** The log in memory, one thread: records produced, delivered and walked. */
import { memoryLog, type ProducerRecord, RecordCursor } from '../topology/index.ts'
import { encodeRecords } from '../topology/log/record-batch.ts'
import { benchmark, contest, expectEqual, type Figure } from './benchmark.ts'

const TOPIC = 'bench'
const PARTITIONS = 4

export const log = benchmark({
  name: 'log',
  summary: 'the log in memory: records produced, delivered and walked',
  sizes: {
    records: { of: 1_000_000, what: 'written and read' },
    send: { of: 500, what: 'records in a transaction' },
    rounds: { of: 3, what: 'of each way' },
  },
  async run(size): Promise<Figure[]> {
    const [count, perSend, rounds] = [size('records'), size('send'), size('rounds')]
    const value = Buffer.alloc(131, 7)
    const records = Array.from({ length: perSend }, (_, i): ProducerRecord => {
      const key = Buffer.from(`watch-${i % 50}`)
      return { topic: TOPIC, partition: i % PARTITIONS, key, value, timestamp: 1_700_000_000_000 + i }
    })
    const memory = memoryLog({ limits: { partitionBytes: Number.POSITIVE_INFINITY } })
    await memory.admin.createTopics([{ topic: TOPIC, partitions: PARTITIONS }])
    const producer = await memory.producer({ clientId: 'bench', transactionalId: 'bench' })
    await producer.init()
    const sends = Math.ceil(count / perSend)
    const common = { count: sends * perSend, of: 'records', rounds }
    const produced = await contest({
      ...common,
      ways: {
        'records encoded alone': () => {
          for (let i = 0; i < sends; i++) encodeRecords(records, records[0]!.timestamp)
        },
        'produced, in transactions': async () => {
          for (let i = 0; i < sends; i++) {
            producer.begin()
            await producer.send(records)
            await producer.commit()
          }
        },
      },
    })
    const bytes = encodeRecords(records, records[0]!.timestamp)
    const { timestamp: baseTimestamp } = records[0]!
    const batch = {
      topic: TOPIC,
      partition: 0,
      baseOffset: 0,
      lastOffset: perSend - 1,
      count: perSend,
      bytes,
    }
    const times = { baseTimestamp, maxTimestamp: baseTimestamp + perSend, logAppendTime: false }
    const cursor = new RecordCursor()
    const walked = await contest({
      ...common,
      ways: {
        'one batch walked again and again': () => {
          let seen = 0
          for (let i = 0; i < sends; i++)
            for (cursor.reset({ ...batch, ...times }, 0); cursor.next(); ) seen++
          expectEqual('records walked', seen, sends * perSend)
        },
        'delivered and walked': async () => {
          const reader = await memory.reader({ clientId: 'bench' })
          for (let partition = 0; partition < PARTITIONS; partition++)
            reader.seek({ topic: TOPIC, partition }, 0)
          let [seen, length] = [0, 0]
          while (seen < sends * perSend) {
            for (const each of await reader.poll(0)) {
              for (cursor.reset(each, 0); cursor.next(); seen++) length += cursor.value!.length
            }
          }
          expectEqual('bytes of the values', length, seen * value.length)
          await reader.close()
        },
      },
    })
    await memory.close()
    return [...produced, ...walked]
  },
})
