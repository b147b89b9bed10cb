/** Two nodes on a real Kafka, killed, stopped and started while they work: every output is there, once, in its place. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { brokerUnavailable } from './log/kafka/broker/distribution.ts'
import { startTemporaryBroker, type TemporaryBroker } from './log/kafka/broker/temporary-broker.ts'
import { CountingCluster } from './testing/counting/cluster.ts'

const reason = brokerUnavailable()

describe.skipIf(reason !== undefined)(`two nodes on Kafka ${reason ?? ''}`, () => {
  let broker: TemporaryBroker
  let cluster: CountingCluster
  beforeAll(async () => {
    broker = await startTemporaryBroker()
    cluster = await CountingCluster.start({
      brokers: broker.brokers,
      applicationId: 'recovery',
      sessionTimeout: 3000,
    })
  })
  afterAll(async () => {
    await cluster?.close()
    await broker?.stop()
  })

  test('write every output once, through kill -9 with and without a restart, leaving and joining', async () => {
    cluster.run('a')
    cluster.run('b')
    await cluster.committing()
    for (const victim of ['a', 'b', 'b']) {
      await cluster.end(victim, 'SIGKILL')
      cluster.run(victim)
      await cluster.committing()
    }
    await cluster.end('a', 'SIGTERM')
    await cluster.committing()
    cluster.run('a')
    await cluster.committing()
    await cluster.end('b', 'SIGKILL')
    await cluster.committing()
    for (const { topic, partition, found, expected } of await cluster.outputs()) {
      expect(found, `${topic}/${partition}`).toEqual(expected)
      expect(found.length).toBeGreaterThan(100)
    }
  })

  test('do so also with several threads each, between which tasks move', async () => {
    const threaded = await CountingCluster.start({
      brokers: broker.brokers,
      applicationId: 'threads',
      sessionTimeout: 3000,
    })
    try {
      threaded.run('a', { threads: 3 })
      await threaded.committing()
      threaded.run('b', { threads: 2 })
      await threaded.committing()
      await threaded.end('a', 'SIGKILL')
      threaded.run('a', { threads: 3 })
      await threaded.committing()
      await threaded.end('b', 'SIGTERM')
      await threaded.committing()
      for (const { topic, partition, found, expected } of await threaded.outputs()) {
        expect(found, `${topic}/${partition}`).toEqual(expected)
        expect(found.length).toBeGreaterThan(100)
      }
      await threaded.end('a', 'SIGTERM')
    } finally {
      await threaded.close()
    }
  })
})
