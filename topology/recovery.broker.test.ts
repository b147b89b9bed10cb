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
    await cluster.settled()
    for (const victim of ['a', 'b', 'b']) {
      await cluster.end(victim, 'SIGKILL')
      cluster.run(victim)
      await cluster.settled()
    }
    await cluster.end('a', 'SIGTERM')
    await cluster.settled()
    cluster.run('a')
    await cluster.settled()
    await cluster.end('b', 'SIGKILL')
    await cluster.settled()
    for (const { topic, partition, found, expected } of await cluster.outputs()) {
      expect(found, `${topic}/${partition}`).toEqual(expected)
      expect(found.length).toBeGreaterThan(100)
    }
  })
})
