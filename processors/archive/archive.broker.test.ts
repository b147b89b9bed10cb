/** The archive on a real broker, killed with -9 again and again: every record is in one file, and each file is whole. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileStore } from '../../lake/file-store.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { SensorReading } from '../../schemas/index.ts'
import type { Log } from '../../topology/index.ts'
import { brokerUnavailable } from '../../topology/log/kafka/broker/distribution.ts'
import {
  startTemporaryBroker,
  type TemporaryBroker,
} from '../../topology/log/kafka/broker/temporary-broker.ts'
import { kafkaLog } from '../../topology/log/kafka/kafka-log.ts'
import { archivedOffsets, archivedRows, offsetsToArchive, readingOf } from './testing/archived.ts'

const reason = brokerUnavailable()
const TOPIC = 'readings'
const PARTITIONS = 2
const SIZE = 1_000
const FILES = 24
const START = Date.UTC(2026, 0, 1, 23)
const DEADLINE = 120_000

describe.skipIf(reason !== undefined)(`the archive on Kafka ${reason ?? ''}`, () => {
  let broker: TemporaryBroker
  let log: Log
  let directory: string
  beforeAll(async () => {
    broker = await startTemporaryBroker()
    log = await kafkaLog({ brokers: [broker.brokers], clientId: 'test' })
    directory = await mkdtemp(join(tmpdir(), 'archive-'))
    const config = { 'retention.ms': '-1' }
    await log.admin.createTopics([{ topic: TOPIC, partitions: PARTITIONS, config }])
    for (let partition = 0; partition < PARTITIONS; partition++) await produce(partition)
  })
  afterAll(async () => {
    await log?.close()
    await broker?.stop()
    await rm(directory, { recursive: true, force: true })
  })

  /** Readings of some hours, in transactions, of which some are aborted. */
  async function produce(partition: number): Promise<void> {
    const producer = await log.producer({ clientId: 'p', transactionalId: `p${partition}` })
    await producer.init()
    for (let n = 0, transaction = 0; n < FILES * SIZE; n += 251, transaction++) {
      producer.begin()
      await producer.send(
        Array.from({ length: 250 }, (_, i) => {
          const stamp = START + (n + i) * 1000
          const deviceId = `w${i % 5}`
          const value = Buffer.from(SensorReading.encode(readingOf({ deviceId, stamp, pitch: n + i })))
          return { topic: TOPIC, partition, key: Buffer.from(deviceId), value, timestamp: stamp }
        }),
      )
      await (transaction % 7 === 6 ? producer.abort() : producer.commit())
    }
    await producer.close()
  }

  /** Of a group for each place. */
  function start(place: string): ChildProcess {
    const program = new URL('testing/archive-process.ts', import.meta.url).pathname
    const words = ['--import', 'tsx', program, broker.brokers, TOPIC, basename(place), place, String(SIZE)]
    return spawn(process.execPath, words, { stdio: ['ignore', 'inherit', 'inherit'] })
  }

  async function filesIn(store: ObjectStore): Promise<number> {
    let files = 0
    for await (const _ of store.list('data/')) files++
    return files
  }

  /** Until so many files are there; the process is killed then. */
  async function killAt(files: number, store: ObjectStore, place: string): Promise<void> {
    const child = start(place)
    const exit = once(child, 'exit')
    const deadline = Date.now() + DEADLINE
    while ((await filesIn(store)) < files) {
      if (child.exitCode !== null || Date.now() > deadline) {
        child.kill('SIGKILL')
        throw new Error(`there are ${await filesIn(store)} files, not ${files}`)
      }
      await delay(5)
    }
    child.kill('SIGKILL')
    await exit
  }

  test('killed in the middle, each record is in the one file of its offsets, as if nothing had been', async () => {
    const killed = join(directory, 'killed')
    const store = fileStore(killed)
    const whole = PARTITIONS * FILES
    for (const files of [1, 4, 5, 11, 18, 19, 30, 37, whole]) await killAt(files, store, killed)
    const rows = await archivedRows(store)
    expect(rows.size).toBe(whole)
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const expected = await offsetsToArchive(log, TOPIC, partition, SIZE)
      expect(expected.length).toBeGreaterThan((FILES * SIZE) / 2)
      expect(await archivedOffsets(store, partition)).toEqual(expected)
    }
    for (const [key, [first]] of rows) {
      const from = Number(/-(\d{16})\.parquet$/.exec(key)?.[1])
      const hour = new Date(first?.timestamp as Date).toISOString()
      expect(key).toContain(`date=${hour.slice(0, 10)}/hour=${hour.slice(11, 13)}/`)
      expect(from % SIZE).toBe(0)
      for (const { offset } of rows.get(key) ?? [])
        expect(Math.floor(Number(offset) / SIZE)).toBe(from / SIZE)
    }
    expect(new Set([...rows.keys()].map(key => key.slice(0, 28))).size).toBeGreaterThan(3)

    const place = join(directory, 'whole')
    await killAt(whole, fileStore(place), place)
    const bytes = async (of: ObjectStore, key: string) => (await of.get(key)).toString('base64')
    for await (const { key } of fileStore(place).list('data/'))
      expect(await bytes(store, key)).toBe(await bytes(fileStore(place), key))
  })
})
