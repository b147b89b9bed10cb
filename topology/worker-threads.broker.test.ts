/** A node of two worker threads on a real Kafka: what they hold is read from the main thread, whichever of them has it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, describe as suite, test } from 'vitest'
import { brokerUnavailable } from './log/kafka/broker/distribution.ts'
import { startTemporaryBroker } from './log/kafka/broker/temporary-broker.ts'
import { kafkaLog } from './log/kafka/kafka-log.ts'
import { partitionOf } from './partitioner.ts'
import type { CountingThread } from './testing/counting/thread.ts'
import { countingTopics, numberedBytes } from './testing/counting/topology.ts'
import { WorkerThreads } from './worker-threads.ts'

const reason = brokerUnavailable()
const PARTITIONS = 4
const KEYS = Array.from({ length: 20 }, (_, i) => `k${i}`)
const patience = { timeout: 60_000, interval: 50 }

suite.skipIf(reason !== undefined)(`worker threads on Kafka ${reason ?? ''}`, () => {
  test('answer for the stores of all of them', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tickerwatch-threads-'))
    const broker = await startTemporaryBroker()
    const log = await kafkaLog({ brokers: [broker.brokers], clientId: 'test' })
    const applicationId = 'asked'
    const topics = countingTopics(applicationId)
    await log.admin.createTopics(Object.values(topics).map(topic => ({ topic, partitions: PARTITIONS })))
    const producer = await log.producer({ clientId: 'test' })
    await producer.init()
    await producer.send(
      KEYS.flatMap((key, i) =>
        // As many records of a key as its number, and one.
        Array.from({ length: i + 1 }, (_, n) => ({
          topic: topics.input,
          partition: partitionOf(Buffer.from(key), PARTITIONS),
          key: Buffer.from(key),
          value: numberedBytes({ key, value: n, timestamp: n }),
          timestamp: n,
        })),
      ),
    )
    const data: CountingThread = {
      brokers: broker.brokers,
      applicationId,
      state: directory,
      sessionTimeout: 6_000,
    }
    const module = new URL('testing/counting/thread.ts', import.meta.url)
    const node = new WorkerThreads({ module, data, threads: 2, clientId: 'node' })
    try {
      await expect(async () => await node.query.stores()).rejects.toMatchObject({ code: 'LOG_MISUSED' })
      await node.start()
      const total = (KEYS.length * (KEYS.length + 1)) / 2
      await expect.poll(() => node.status().processed, patience).toBe(total)
      await expect.poll(() => node.status().tasks.length, patience).toBe(PARTITIONS)
      const { query } = node
      const owners = await query.owners('count')
      expect(owners.map(({ active }) => active?.node)).toEqual(Array(PARTITIONS).fill('node'))
      for (const [i, key] of KEYS.entries()) {
        const { value, from, task } = await query.get('count', key)
        expect([value?.value, from, task]).toEqual([
          i + 1,
          'active',
          (await query.ownerOf('count', key)).task,
        ])
      }
      const all = await query.range('count', {})
      expect(all.map(({ task }) => task).sort()).toEqual(['0_0', '0_1', '0_2', '0_3'])
      expect(
        all
          .flatMap(({ value }) => value)
          .map(({ key }) => String(key))
          .sort(),
      ).toEqual([...KEYS].sort())
      await expect(query.get('nothing', 'k1')).rejects.toMatchObject({ code: 'QUERY_STORE_UNKNOWN' })
      await expect(query.windows('count', 'k1', { from: 0, to: 1 })).rejects.toMatchObject({
        code: 'QUERY_STORE_KIND',
      })
    } finally {
      await node.close()
      await log.close()
      await broker.stop()
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
