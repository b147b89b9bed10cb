/** On a real Kafka: of a repartition topic only what is not processed yet is kept. */
import { expect, describe as suite, test } from 'vitest'
import { memoryBackend } from '../state/index.ts'
import { long, StreamsNode, string, TopologyBuilder } from './index.ts'
import { brokerUnavailable } from './log/kafka/broker/distribution.ts'
import { startTemporaryBroker } from './log/kafka/broker/temporary-broker.ts'
import { kafkaLog } from './log/kafka/kafka-log.ts'
import { RepartitionPurge } from './repartition-purge.ts'
import { ManualTimers } from './testing/manual-timers.ts'

const reason = brokerUnavailable()
const patience = { timeout: 60_000 }

suite.skipIf(reason !== undefined)(`a repartition topic on Kafka ${reason ?? ''}`, () => {
  test('loses what was processed and committed, and nothing else', async () => {
    const broker = await startTemporaryBroker()
    const log = await kafkaLog({ brokers: [broker.brokers], clientId: 'test' })
    try {
      await log.admin.createTopics(['in', 'out'].map(topic => ({ topic, partitions: 1 })))
      const builder = new TopologyBuilder()
      builder
        .stream('in', { key: string, value: string })
        .groupBy(value => value, { key: string })
        .count('counts')
        .toStream()
        .to('out', { value: long })
      const node = new StreamsNode({
        topology: builder.build(),
        applicationId: 'purged',
        log,
        state: memoryBackend(),
      })
      const producer = await log.producer({ clientId: 'writer' })
      await producer.init()
      const value = Buffer.from('v')
      await producer.send(
        Array.from({ length: 50 }, (_, timestamp) => ({
          topic: 'in',
          partition: 0,
          key: null,
          value,
          timestamp,
        })),
      )
      await node.start()
      const running = node.run()
      const topic = 'purged-counts-repartition'
      const end = async (name: string) => (await log.admin.offsets(name))[0]!.end
      await expect.poll(() => end('out'), patience).toBeGreaterThanOrEqual(50)
      await node.close()
      await running
      const [committed] = await log.admin.committed('purged', [topic])
      expect(committed!.position).toBeGreaterThanOrEqual(50)
      await producer.send([{ topic, partition: 0, key: value, value, timestamp: 51 }])
      const timers = new ManualTimers()
      const notices: string[] = []
      const purge = new RepartitionPurge({
        admin: log.admin,
        group: 'purged',
        topics: new Set([topic]),
        timers,
        onNotice: text => notices.push(text),
      })
      purge.tick(() => [{ topic, partition: 0 }])
      await purge.close()
      expect((await log.admin.offsets(topic))[0]!.start).toBe(0)
      timers.advance(30_000)
      purge.tick(() => [{ topic, partition: 0 }])
      await purge.close()
      expect(notices).toEqual([])
      expect((await log.admin.offsets(topic))[0]).toMatchObject({
        start: committed!.position,
        end: await end(topic),
      })
      expect(await end(topic)).toBeGreaterThan(committed!.position)
    } finally {
      await log.close()
      await broker.stop()
    }
  })
})
