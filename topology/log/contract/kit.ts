/** What the parts of the contract suite share: clients that are closed after each test, and waiting for conditions. */
import { randomUUID } from 'node:crypto'
import type { Consumer, Headers, Log, Producer, ProducerRecord, Reader } from '../log.ts'
import { type RecordBatch, RecordCursor } from '../record-batch.ts'

export interface ReadRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Headers
}

/** Walks delivered batches as the engine does: keeps a position per partition, copies what it keeps. */
export class Walk {
  readonly records: ReadRecord[] = []
  readonly positions = new Map<number, number>()
  readonly #cursor = new RecordCursor()

  take(batches: readonly RecordBatch[]): void {
    for (const batch of batches) {
      const { partition } = batch
      this.#cursor.reset(batch, this.positions.get(partition) ?? 0)
      while (this.#cursor.next()) {
        const { offset, timestamp, key, value } = this.#cursor
        this.records.push({
          partition,
          offset,
          timestamp,
          key: key && Buffer.from(key),
          value: value && Buffer.from(value),
          headers: this.#cursor.headers().map(([name, bytes]) => [name, Buffer.from(bytes)] as const),
        })
      }
      this.positions.set(partition, batch.lastOffset + 1)
    }
  }

  seek(partition: number, position: number): void {
    this.positions.set(partition, position)
  }

  values(partition?: number): (string | undefined)[] {
    return this.records
      .filter(record => partition === undefined || record.partition === partition)
      .map(record => record.value?.toString())
  }
}

export const SENTINEL = 'contract-sentinel'

export type Kit = ReturnType<typeof contractKit>

/** @param deadline milliseconds after which a condition that was waited for counts as failed */
export function contractKit(deadline: number) {
  let log: Log | undefined
  const clients: { close(): Promise<void> }[] = []

  const use = (opened: Log): void => {
    log = opened
  }

  const theLog = (): Log => {
    if (log === undefined) throw new Error('the log is opened before the tests')
    return log
  }

  const closeClients = async (): Promise<void> => {
    for (const client of clients.splice(0)) await client.close()
  }

  const unique = (what: string): string => `contract-${what}-${randomUUID().slice(0, 8)}`

  const newTopic = async (partitions = 1, config: Record<string, string> = {}): Promise<string> => {
    const topic = unique('topic')
    await theLog().admin.createTopics([{ topic, partitions, config: { 'retention.ms': '-1', ...config } }])
    return topic
  }

  const opened = <Client extends { close(): Promise<void> }>(client: Client): Client => {
    clients.push(client)
    return client
  }

  const newProducer = async (transactionalId?: string): Promise<Producer> => {
    const producer = opened(await theLog().producer({ clientId: unique('producer'), transactionalId }))
    await producer.init()
    return producer
  }

  const newReader = async (): Promise<Reader> => opened(await theLog().reader({ clientId: unique('reader') }))

  const record = (
    topic: string,
    value: string | null,
    more: Partial<ProducerRecord> = {},
  ): ProducerRecord => ({
    topic,
    partition: 0,
    key: null,
    value: value === null ? null : Buffer.from(value),
    timestamp: 1_000,
    ...more,
  })

  const sendValues = async (producer: Producer, topic: string, ...values: string[]): Promise<void> => {
    await producer.send(values.map(value => record(topic, value)))
  }

  const transaction = async (
    producer: Producer,
    commit: boolean,
    topic: string,
    ...values: string[]
  ): Promise<void> => {
    producer.begin()
    await sendValues(producer, topic, ...values)
    if (commit) await producer.commit()
    else await producer.abort()
  }

  /** Does `step` again and again until `holds`. */
  const until = async (
    what: string,
    holds: () => boolean | Promise<boolean>,
    step: () => Promise<unknown> = () => new Promise(resolve => setTimeout(resolve, 20)),
  ): Promise<void> => {
    const end = Date.now() + deadline
    while (!(await holds())) {
      if (Date.now() > end) throw new Error(`waited ${deadline} ms in vain: ${what}`)
      await step()
    }
  }

  const pollInto = async (source: Reader | Consumer, walk: Walk, wait = 100): Promise<void> =>
    walk.take(await source.poll(wait))

  /** A reader of one partition, and what it has read. */
  const readFrom = async (
    topic: string,
    partition: number,
    position: number,
  ): Promise<{ reader: Reader; walk: Walk }> => {
    const reader = await newReader()
    const walk = new Walk()
    walk.seek(partition, position)
    reader.seek({ topic, partition }, position)
    return { reader, walk }
  }

  /**
   * All records of the topic. A sentinel is written behind them: whoever reads committed records reaches it only
   * when every earlier transaction has ended.
   */
  const contents = async (topic: string, partitions = 1): Promise<ReadRecord[]> => {
    const producer = await newProducer()
    const sentinels = Array.from({ length: partitions }, (_, partition) =>
      record(topic, SENTINEL, { partition, key: Buffer.from(SENTINEL) }),
    )
    await producer.send(sentinels)
    const reader = await newReader()
    const walk = new Walk()
    for (let partition = 0; partition < partitions; partition++) reader.seek({ topic, partition }, 0)
    const isSentinel = (read: ReadRecord): boolean => read.value?.toString() === SENTINEL
    await until(
      `the end of ${topic}`,
      () => walk.records.filter(isSentinel).length === partitions,
      () => pollInto(reader, walk),
    )
    return walk.records.filter(read => !isSentinel(read))
  }

  const values = async (topic: string): Promise<(string | undefined)[]> =>
    (await contents(topic)).map(read => read.value?.toString())

  return {
    get log() {
      return theLog()
    },
    deadline,
    use,
    closeClients,
    unique,
    newTopic,
    opened,
    newProducer,
    newReader,
    record,
    sendValues,
    transaction,
    until,
    pollInto,
    readFrom,
    contents,
    values,
  }
}
