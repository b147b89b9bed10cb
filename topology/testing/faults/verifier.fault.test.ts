/** The verifier finds what it is there to find: a faultless run is copied, with one thing wrong in each copy. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { memoryBackend } from '../../../state/index.ts'
import { type Log, type ProducerRecord, partitionOf, RecordCursor, StreamsNode } from '../../index.ts'
import { startTemporaryBroker, type TemporaryBroker } from '../../log/kafka/broker/temporary-broker.ts'
import { kafkaLog } from '../../log/kafka/kafka-log.ts'
import { type Numbered, PARTITIONS, pipeline, topicsOf } from './pipeline.ts'
import { Random } from './random.ts'
import { faultsUnavailable, isFaultless, verify } from './verifier.ts'

const reason = faultsUnavailable()
const RECORDS = 600
const END = Buffer.from('end')

type Topics = ReturnType<typeof topicsOf>
type Contents = Record<keyof Topics, ProducerRecord[]>

describe.skipIf(reason !== undefined)(`the verifier ${reason ?? ''}`, () => {
  let broker: TemporaryBroker
  let log: Log
  let clean: Contents
  let acknowledged: number[]
  let copies = 0

  beforeAll(async () => {
    broker = await startTemporaryBroker()
    log = await kafkaLog({ brokers: [broker.brokers], clientId: 'verifier' })
    const { repartition: _, ...external } = topicsOf('clean')
    await createTopics(Object.values(external))
    const input = numbered(external.numbers)
    acknowledged = Array.from(
      { length: PARTITIONS },
      (_, partition) => input.filter(record => record.partition === partition).length,
    )
    await write(input)
    const node = new StreamsNode({
      topology: pipeline('clean', async () => {}),
      applicationId: 'clean',
      log,
      state: memoryBackend(),
    })
    await node.start()
    const running = node.run()
    // Each is taken in by the count, and again behind the repartition topic.
    while (node.status().processed < 2 * RECORDS) await new Promise(resolve => setTimeout(resolve, 20))
    await node.close()
    await running
    const topics = topicsOf('clean')
    const names = Object.keys(topics) as (keyof Topics)[] // Object.keys forgets the type
    const read = names.map(async name => [name, await contents(topics[name])] as const)
    clean = Object.fromEntries(await Promise.all(read)) as Contents // as above
  })

  afterAll(async () => {
    await log?.close()
    await broker?.stop()
  })

  async function createTopics(topics: readonly string[]): Promise<void> {
    await log.admin.createTopics(topics.map(topic => ({ topic, partitions: PARTITIONS })))
  }

  async function write(records: readonly ProducerRecord[]): Promise<void> {
    const producer = await log.producer({ clientId: 'copy' })
    await producer.init()
    await producer.send(records)
    await producer.close()
  }

  /**
   * The committed records. A commit is answered before the transaction's end markers stand in every partition, so a
   * partition's end may for a moment lie before its last records: a record written behind them is waited for instead.
   */
  async function contents(topic: string): Promise<ProducerRecord[]> {
    const unread = new Set(Array.from({ length: PARTITIONS }, (_, partition) => partition))
    await write([...unread].map(partition => ({ topic, partition, key: END, value: END, timestamp: 0 })))
    const records: ProducerRecord[] = []
    const reader = await log.reader({ clientId: 'contents' })
    for (const partition of unread) reader.seek({ topic, partition }, 0)
    const cursor = new RecordCursor()
    while (unread.size > 0) {
      for (const batch of await reader.poll(100)) {
        const { partition } = batch
        cursor.reset(batch, 0)
        while (cursor.next()) {
          const [key, value] = [Buffer.from(cursor.key ?? []), Buffer.from(cursor.value ?? [])]
          if (key.equals(END)) unread.delete(partition)
          else records.push({ topic, partition, key, value, timestamp: cursor.timestamp })
        }
      }
    }
    await reader.close()
    return records
  }

  /** A copy of the clean run under another name, with its topics changed; and what the verifier finds in it. */
  async function verified(
    change: Partial<{ [T in keyof Topics]: (records: ProducerRecord[]) => ProducerRecord[] }>,
    before: (topics: Topics) => Promise<void> = async () => {},
  ) {
    const application = `copy${copies++}`
    const topics = topicsOf(application)
    await createTopics(Object.values(topics))
    for (const [name, topic] of Object.entries(topics)) {
      const key = name as keyof Topics // as above
      const records = change[key]?.(clean[key]) ?? clean[key]
      await write(records.map(record => ({ ...record, topic })))
    }
    await before(topics)
    return await verify(broker.brokers, application, acknowledged)
  }

  const middle = (records: readonly unknown[]): number => Math.floor(records.length / 2)

  const withoutOne = (records: ProducerRecord[]) => records.toSpliced(middle(records), 1)

  const withOneTwice = (records: ProducerRecord[]) =>
    records.toSpliced(middle(records), 0, records[middle(records)]!)

  /** Two neighbours of one partition. */
  const withTwoSwapped = (records: ProducerRecord[]) => {
    const first = records.findIndex((each, index) => each.partition === records[index + 1]?.partition)
    return records.toSpliced(first, 2, records[first + 1]!, records[first]!)
  }

  test('finds nothing in a faultless run, and sees windows and late records in it', async () => {
    const found = await verified({})
    expect(found.problems).toEqual([])
    expect(isFaultless(found)).toBe(true)
    expect(found.records).toMatchObject({ input: RECORDS, counts: RECORDS, repartition: RECORDS })
    expect(found.records.windows).toBeGreaterThan(20)
    expect(found.records.late).toBeGreaterThan(5)
  })

  test.each([
    { withoutOne: 'counts', withOneTwice: 'windows', withTwoSwapped: 'late' },
    { withoutOne: 'late', withOneTwice: 'counts', withTwoSwapped: 'windows' },
    { withoutOne: 'windows', withOneTwice: 'late', withTwoSwapped: 'counts' },
  ] as const)('finds what is lost, doubled and out of order: %s', async topics => {
    const found = await verified({
      [topics.withoutOne]: withoutOne,
      [topics.withOneTwice]: withOneTwice,
      [topics.withTwoSwapped]: withTwoSwapped,
    })
    expect(found).toMatchObject({ lost: 1, duplicated: 1, outOfOrder: 1, wrong: 0 })
    expect([...found.problems].sort()).toEqual([
      expect.stringMatching(`^duplicated, ${topics.withOneTwice} `),
      expect.stringMatching(`^lost, ${topics.withoutOne} `),
      expect.stringMatching(`^outOfOrder, ${topics.withTwoSwapped} `),
    ])
    expect(isFaultless(found)).toBe(false)
  })

  test('finds input that was acknowledged and is lost, also from the outputs', async () => {
    const found = await verified({ numbers: withoutOne })
    // Its count and its copy in the repartition topic have no origin.
    expect(found.lost).toBeGreaterThan(0)
    expect(found.wrong).toBeGreaterThan(0)
    expect(found.problems[0]).toMatch(/^lost, input \d: number \d+$/)
  })

  test('finds what is lost, doubled or out of order between the stages', async () => {
    const without = await verified({ repartition: withoutOne })
    expect(without.problems).toContainEqual(expect.stringMatching('^lost, repartition '))
    const twice = await verified({ repartition: withOneTwice })
    expect(twice.problems).toContainEqual(expect.stringMatching('^duplicated, repartition '))
    const backwards = (records: ProducerRecord[]) => records.toReversed()
    expect((await verified({ repartition: backwards })).outOfOrder).toBeGreaterThan(0)
  })

  test('finds a window that is final with other contents', async () => {
    const otherwise = (records: ProducerRecord[]) => {
      const record = records[middle(records)]!
      const { hash, ...rest } = JSON.parse(`${record.value}`)
      const value = Buffer.from(JSON.stringify({ ...rest, hash: hash + 1 }))
      return records.with(middle(records), { ...record, value })
    }
    expect(await verified({ windows: otherwise })).toMatchObject({ lost: 1, wrong: 1 })
  })

  test('finds a transaction that is open; one that was aborted is none, and its records do not count', async () => {
    const record = (topic: string) => ({ ...clean.late[0]!, topic })
    const aborted = await verified({}, async ({ late }) => {
      const producer = await log.producer({ clientId: 'aborting', transactionalId: `${late}-aborting` })
      await producer.init()
      producer.begin()
      await producer.send([record(late)])
      await producer.abort()
      await producer.close()
    })
    expect(aborted.problems).toEqual([])
    let close = async () => {}
    const hanging = await verified({}, async ({ late }) => {
      const producer = await log.producer({ clientId: 'hanging', transactionalId: `${late}-hanging` })
      await producer.init()
      producer.begin()
      await producer.send([record(late)])
      close = () => producer.close()
    })
    await close()
    expect(hanging.hangingTransactions).toBe(1)
    expect(isFaultless(hanging)).toBe(false)
  })
})

/** As the feed writes them, at a faster event time. */
function numbered(topic: string): ProducerRecord[] {
  const random = new Random(1)
  const written = Array.from({ length: PARTITIONS }, () => 0)
  return Array.from({ length: RECORDS }, (_, index) => {
    const key = Buffer.from(`key-${random.below(20)}`)
    const partition = partitionOf(key, PARTITIONS)
    const value: Numbered = { partition, number: written[partition]!++, group: `group-${random.below(8)}` }
    const timestamp = 1_000_000 + index * 50 - random.below(random.below(10) === 0 ? 20_000 : 500)
    return { topic, partition, key, value: Buffer.from(JSON.stringify(value)), timestamp }
  })
}
