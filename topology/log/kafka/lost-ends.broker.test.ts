/**
 * Transactions whose end the cluster has lost. A broker loses some when it restarts, but not when one wants it to; so the same
 * is made by writing to partitions, and to a group's positions, of which the coordinator was not told: it writes no
 * marker there.
 */

import { connect, type Socket } from 'node:net'
import { ConfigResourceTypes, Kafka } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Log, Producer, Reach, TopicPartition } from '../log.ts'
import { RecordCursor } from '../record-batch.ts'
import { encodeBatch } from './batch-writer.ts'
import { brokerUnavailable } from './broker/distribution.ts'
import { startTemporaryBroker, type TemporaryBroker } from './broker/temporary-broker.ts'
import { Cluster } from './cluster.ts'
import { kafkaLog } from './kafka-log.ts'
import { describeTransactionRequest } from './protocol/describe-transactions.ts'
import { produceRequest } from './protocol/produce.ts'

const reason = brokerUnavailable()
const DEADLINE = 30_000

describe.skipIf(reason !== undefined)(`transactions that lost their end ${reason ?? ''}`, () => {
  let broker: TemporaryBroker
  let log: Log
  let cluster: Cluster
  let count = 0

  beforeAll(async () => {
    broker = await startTemporaryBroker()
    log = await kafkaLog({ brokers: [broker.brokers], clientId: 'lost-ends' })
    cluster = new Cluster({ brokers: [broker.brokers], clientId: 'forger' })
    await cluster.connect()
    const admin = new Kafka({ brokers: [broker.brokers] }).admin()
    await admin.connect()
    // Else a partition asks the coordinator whether it knows of it.
    const configEntries = [{ name: 'transaction.partition.verification.enable', value: 'false' }]
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.BROKER, name: '1', configEntries }],
    })
    await admin.disconnect()
  })

  afterAll(async () => {
    await cluster?.close()
    await log?.close()
    await broker?.stop()
  })

  interface Case {
    readonly id: string
    readonly reach: Reach
    readonly told: TopicPartition
    readonly untold: TopicPartition
    readonly position: TopicPartition
  }

  async function newCase(): Promise<Case> {
    const id = `case-${++count}`
    await log.admin.createTopics(
      [`${id}-in`, `${id}-out`].map(topic => ({ topic, partitions: topic.endsWith('out') ? 2 : 1 })),
    )
    const [told, untold] = [0, 1].map(partition => ({ topic: `${id}-out`, partition }))
    const position = { topic: `${id}-in`, partition: 0 }
    return {
      id,
      told: told!,
      untold: untold!,
      position,
      reach: { topics: [told!, untold!], group: id, positions: [position] },
    }
  }

  const notices: string[] = []

  async function producerOf({ id, reach }: Case, of: Log = log): Promise<Producer> {
    const onNotice = (text: string): void => void notices.push(text)
    const producer = await of.producer({ clientId: id, transactionalId: id, reach, onNotice })
    await producer.init()
    return producer
  }

  const record = (tp: TopicPartition, text: string) => ({
    ...tp,
    key: null,
    value: Buffer.from(text),
    timestamp: 1,
  })

  /** Writes in the open transaction behind the coordinator's back. */
  async function forge({ id, untold, position, reach }: Case, { positions = true } = {}): Promise<void> {
    const coordinator = await cluster.transactionCoordinator(id)
    const found = await cluster.send(coordinator, describeTransactionRequest(id))
    const identity = { producerId: String(found!.producerId), producerEpoch: found!.producerEpoch }
    const batch = encodeBatch([record(untold, 'untold')], { ...identity, sequence: 0, transactional: true })
    await cluster.know([untold.topic])
    const leader = await cluster.broker(cluster.leader(untold.topic, untold.partition)!)
    const [answer] = await cluster.send(leader, produceRequest(id, [{ ...untold, batch }]))
    expect(answer).toMatchObject({ errorCode: 0 })
    if (!positions) return
    await (await cluster.groupCoordinator(id)).txnOffsetCommit({
      ...identity,
      transactionalId: id,
      groupId: reach.group,
      topics: [{ topic: position.topic, partitions: [{ partition: 0, offset: '7', metadata: null }] }],
    })
  }

  async function completed(id: string): Promise<void> {
    const deadline = Date.now() + DEADLINE
    for (;;) {
      const found = await cluster.send(
        await cluster.transactionCoordinator(id),
        describeTransactionRequest(id),
      )
      if (found?.state.startsWith('Complete')) return
      if (Date.now() > deadline) throw new Error(`the transaction of ${id} is ${found?.state}`)
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  }

  /** What a reader sees up to the end that it can reach, which lies behind all markers. */
  async function readable({ topic, partition }: TopicPartition): Promise<string[]> {
    const reader = await log.reader({ clientId: 'checker' })
    const cursor = new RecordCursor()
    const values: string[] = []
    reader.seek({ topic, partition }, 0)
    const end = (await log.admin.offsets(topic)).find(each => each.partition === partition)!.end
    for (let position = 0; position < end; ) {
      for (const batch of await reader.poll(100)) {
        cursor.reset(batch, position)
        while (cursor.next()) values.push(cursor.value!.toString())
        position = batch.lastOffset + 1
      }
    }
    await reader.close()
    return values
  }

  async function loseEnd(of: Case, how: 'commit' | 'abort'): Promise<Producer> {
    const producer = await producerOf(of)
    producer.begin()
    await producer.send([record(of.told, 'told')])
    await forge(of)
    await producer[how]()
    await completed(of.id)
    return producer
  }

  test('a commit that lost its end is found and ended by the next producer of the id', async () => {
    const of = await newCase()
    await (await loseEnd(of, 'commit')).close()
    expect(await readable(of.untold)).toEqual([])
    const successor = await producerOf(of)
    expect(notices.filter(text => text.includes(of.id))).toEqual([
      `the last transaction of ${of.id} had lost its end in ${of.id}-out/1, the group's positions: it is committed there too now (KAFKA-20734)`,
    ])
    expect(await readable(of.told)).toEqual(['told'])
    expect(await readable(of.untold)).toEqual(['untold'])
    expect(await log.admin.stablePositions(of.id, [of.position])).toEqual([{ ...of.position, position: 7 }])
    // An abort of the next one takes nothing of it back.
    successor.begin()
    await successor.send([record(of.untold, 'aborted')])
    await successor.abort()
    await successor.close()
    await producerOf(of)
    expect(await readable(of.untold)).toEqual(['untold'])
  })

  test('an abort that lost its end stays an abort', async () => {
    const of = await newCase()
    await (await loseEnd(of, 'abort')).close()
    await (await producerOf(of)).close()
    expect(await readable(of.told)).toEqual([])
    expect(await readable(of.untold)).toEqual([])
    expect(await log.admin.stablePositions(of.id, [of.position])).toEqual([])
    const bounds = await log.admin.offsets(of.untold.topic)
    // Readers are past the record and its marker.
    expect(bounds.find(each => each.partition === of.untold.partition)!.end).toBe(2)
  })

  test('records alone may have lost it, and not the positions', async () => {
    const of = await newCase()
    const producer = await producerOf(of)
    producer.begin()
    await producer.send([record(of.told, 'told')])
    await forge(of, { positions: false })
    await producer.sendOffsets(of.id, [{ ...of.position, position: 3 }])
    await producer.commit()
    await completed(of.id)
    await producer.close()
    await (await producerOf(of)).close()
    expect(await readable(of.untold)).toEqual(['untold'])
    expect(await log.admin.stablePositions(of.id, [of.position])).toEqual([{ ...of.position, position: 3 }])
  })

  test('a producer that lost connections looks before its next transaction, and its successor mends it', async () => {
    const of = await newCase()
    const sockets = new Set<Socket>()
    const own = await kafkaLog({
      brokers: [broker.brokers],
      clientId: 'own',
      socketFactory: ({ host, port, onConnect }) => {
        const socket = connect({ host, port }, onConnect)
        sockets.add(socket)
        return socket
      },
    })
    const producer = await producerOf(of, own)
    producer.begin()
    await producer.send([record(of.told, 'told')])
    await forge(of)
    await producer.commit()
    await completed(of.id)
    const open = [...sockets].filter(socket => !socket.closed)
    const closed = open.map(socket => new Promise(resolve => socket.once('close', resolve)))
    for (const socket of sockets) socket.destroy(new Error('cut'))
    await Promise.all(closed)
    producer.begin()
    await expect(producer.send([record(of.untold, 'next')])).rejects.toMatchObject({
      code: 'LOG_FAILED',
      message: `a transaction of ${of.id} has lost its end`,
    })
    await producer.close()
    await (await producerOf(of, own)).close()
    expect(await readable(of.untold)).toEqual(['untold'])
    await own.close()
  })

  test('what is not known any more is refused, not guessed', async () => {
    const of = await newCase()
    await (await loseEnd(of, 'commit')).close()
    // Somebody else initialises the id, and the coordinator forgets.
    const other = await kafkaLog({ brokers: [broker.brokers], clientId: 'other' })
    const stranger = await other.producer({ clientId: 'stranger', transactionalId: of.id })
    await stranger.init()
    await other.close()
    await expect(producerOf(of)).rejects.toMatchObject({
      code: 'LOG_FAILED',
      message: expect.stringContaining(`is still open in ${of.untold.topic}/1`),
    })
    expect(await readable(of.untold)).toEqual([])
  })
})
