/** What nodes hand to one another on a real Kafka, with RocksDB: state to a standby, tasks between versions. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rocksdbBackend } from '../state/index.ts'
import { type Log, type RestoreEvent, StreamsNode } from './index.ts'
import { brokerUnavailable } from './log/kafka/broker/distribution.ts'
import { startTemporaryBroker, type TemporaryBroker } from './log/kafka/broker/temporary-broker.ts'
import { kafkaLog } from './log/kafka/kafka-log.ts'
import {
  counting,
  countsOf,
  expectedCounts,
  inputs,
  isDone,
  standbysCaughtUp,
  write,
} from './testing/counting-node.ts'
import { exactOutputs, outputsOf, RollingCluster, rollForthAndBack } from './testing/rolling.ts'

const reason = brokerUnavailable()
const PARTITIONS = 4
const RECORDS = 5_000
const patience = { timeout: 60_000, interval: 20 }

describe.skipIf(reason !== undefined)(`nodes on Kafka ${reason ?? ''}`, () => {
  let broker: TemporaryBroker
  let directory: string
  const logs: Log[] = []

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'tickerwatch-handover-'))
    broker = await startTemporaryBroker()
  })
  afterAll(async () => {
    for (const log of logs) await log.close()
    await broker?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  /** The topics of one test; those of the one before are gone. */
  async function freshLog(): Promise<Log> {
    const log = await kafkaLog({ brokers: [broker.brokers], clientId: 'test' })
    logs.push(log)
    await log.admin.deleteTopics(await log.admin.listTopics())
    await log.admin.createTopics(['in', 'out'].map(topic => ({ topic, partitions: PARTITIONS })))
    return log
  }

  test('a standby that has caught up takes tasks over, and reads no more than what came after', async () => {
    const log = await freshLog()
    const events: RestoreEvent[] = []
    const start = async (clientId: string) => {
      const node = new StreamsNode({
        topology: counting(),
        applicationId: 'standby',
        clientId,
        log,
        state: rocksdbBackend(join(directory, clientId)),
        standbyReplicas: 1,
        onRestore: event => clientId === 'b' && events.push(event),
      })
      await node.start()
      return { node, running: node.run() }
    }
    const [a, b] = [await start('a'), await start('b')]
    await expect.poll(() => a.node.status().tasks.length, patience).toBe(2)
    await expect.poll(() => b.node.status().standbys.length, patience).toBe(2)
    await write(log, inputs(RECORDS), PARTITIONS)
    await expect.poll(() => isDone(a.node), patience).toBe(true)
    await expect.poll(() => standbysCaughtUp(b.node, log), patience).toBe(true)
    const moved = a.node.status().tasks.map(({ name }) => name)
    // Standbys may or may not have these when the tasks move.
    const tail = inputs(50, RECORDS)
    await write(log, tail, PARTITIONS)
    await expect.poll(() => isDone(a.node), patience).toBe(true)
    events.length = 0
    await a.node.close()
    await a.running
    await expect.poll(() => b.node.status().tasks.length, patience).toBe(PARTITIONS)
    const read = events.filter(({ type, task }) => type === 'end' && moved.includes(task))
    expect(read.length).toBe(4)
    // Two stores, at most a change of each for a record; and the clock of the windows.
    expect(read.reduce((sum, { records }) => sum + records, 0)).toBeLessThanOrEqual(3 * tail.length)
    expect(countsOf(b.node)).toEqual(expectedCounts([...inputs(RECORDS), ...tail]))
    await write(log, inputs(100, RECORDS + 50), PARTITIONS)
    await expect.poll(() => isDone(b.node), patience).toBe(true)
    expect(countsOf(b.node)).toEqual(expectedCounts(inputs(RECORDS + 150)))
    await b.node.close()
    await b.running
  })

  test('two are rolled to a version with another layout and back under load; outputs are exact', async () => {
    const log = await freshLog()
    const cluster = new RollingCluster(log, name => rocksdbBackend(join(directory, `rolled-${name}`)), {
      applicationId: 'rolled',
      commitInterval: 50,
    })
    const written = await rollForthAndBack(cluster, PARTITIONS)
    expect(await outputsOf(log)).toEqual(exactOutputs(inputs(written)))
    await cluster.close()
  })
})
