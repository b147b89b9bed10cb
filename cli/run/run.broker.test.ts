/** The product on a real Kafka: it goes on where it stopped, also where it was killed. */
import { once } from 'node:events'
import { rename } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRecordings } from '../../processors/recordings/reader.ts'
import { topics } from '../../processors/topics.ts'
import { avroSerdes, localRegistry, Prediction } from '../../schemas/index.ts'
import { printed, type Scratch, scratch } from '../../test/node-process.ts'
import { type Log, RecordCursor } from '../../topology/index.ts'
import { brokerUnavailable } from '../../topology/log/kafka/broker/distribution.ts'
import {
  startTemporaryBroker,
  type TemporaryBroker,
} from '../../topology/log/kafka/broker/temporary-broker.ts'
import { kafkaLog } from '../../topology/log/kafka/kafka-log.ts'

const reason = brokerUnavailable()

/** Of what `/api/stores/STORE` answers. */
interface StorePlaces {
  readonly tasks?: readonly {
    readonly active?: { readonly endpoint?: string }
    readonly standbys: readonly { readonly endpoint?: string }[]
  }[]
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

const SIZE = 5000
const ADVANCE = 2500

describe.skipIf(reason !== undefined)(`on Kafka ${reason ?? ''}`, () => {
  let own: Scratch
  let broker: TemporaryBroker
  let log: Log
  beforeAll(async () => {
    own = await scratch()
    broker = await startTemporaryBroker()
    log = await kafkaLog({ brokers: [broker.brokers], clientId: 'test' })
  })
  afterAll(async () => {
    await log?.close()
    await broker?.stop()
    await own.remove()
  })

  test('after kill -9 every window has one prediction, from just its samples', async () => {
    const directory = await own.recordings('recordings', '--devices', '8', '--for', '4m')
    // Names of their own: the run that follows generates watches too.
    for (let i = 1; i <= 8; i++)
      await rename(join(directory, `watch-${i}.csv`), join(directory, `recorded-${i}.csv`))
    const killed = own.start('node', '--brokers', broker.brokers, '--recordings', directory, '--speed', 'max')
    const text = printed(killed)
    await expect
      .poll(text, { timeout: 120_000, interval: 20 })
      .toContain('Stopping: no more readings are taken')
    killed.kill('SIGKILL')
    await once(killed, 'exit')

    const { report } = await own.run('node', '--brokers', broker.brokers, '--devices', '1', '--for', '3s')
    expect(report).toMatchObject({ finalLag: 0, deadLettered: 0 })
    const samples = await predictedSamples()
    for (const [window, expected] of await expectedSamples(directory)) {
      expect(samples.get(window), window).toEqual([expected])
    }
  })

  test('several threads share the work, and what they did is added up', async () => {
    const { report } = await own.run(
      'threads',
      ...['--brokers', broker.brokers, '--devices', '8', '--for', '20s', '--threads', '2'],
    )
    expect(report).toMatchObject({ finalLag: 0, deadLettered: 0 })
    expect(report.windows).toBeGreaterThan(0)
    expect(report.predictions).toBe(report.windows)
  })

  test('nodes keep standbys for each other, and know where the others are asked', async () => {
    const ports = [await freePort(), await freePort()]
    const nodes = ports.map((port, i) =>
      own.start(
        `standby-${i}`,
        ...['--brokers', broker.brokers, '--devices', '8', '--standby-replicas', '1', '--port', String(port)],
      ),
    )
    try {
      const endpoints = ports.map(port => `127.0.0.1:${port}`).sort()
      for (const port of ports) {
        const places = async (): Promise<string[]> => {
          const response = await fetch(`http://127.0.0.1:${port}/api/stores/motion`).catch(() => undefined)
          const { tasks = [] }: StorePlaces = response === undefined ? {} : JSON.parse(await response.text())
          return tasks.map(({ active, standbys }) =>
            [active, ...standbys]
              .map(each => each?.endpoint)
              .sort()
              .join(' '),
          )
        }
        await expect
          .poll(places, { timeout: 120_000, interval: 200 })
          .toEqual(Array(4).fill(endpoints.join(' ')))
        const metrics = async (): Promise<string> =>
          await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
        await expect
          .poll(metrics, { timeout: 60_000, interval: 200 })
          .toMatch(/^tickerwatch_standby_lag\{task_id="0_\d"\} \d+$/m)
        expect(await metrics()).toMatch(/^kafka_streams_state_updater_standby_updating_tasks 2$/m)
      }
    } finally {
      for (const node of nodes) {
        if (node.exitCode !== null) continue
        node.kill('SIGKILL')
        await once(node, 'exit')
      }
    }
  })

  /** Samples of each window that holds one, from the files. */
  async function expectedSamples(directory: string): Promise<Map<string, number>> {
    const windows = new Map<string, number>()
    const recordings = await openRecordings(directory, { now: Date.now })
    for await (const events of recordings.events()) {
      for (const event of events) {
        if (event.kind !== 'reading') continue
        const { deviceId, stamp } = event.reading
        for (let start = Math.floor(stamp / ADVANCE) * ADVANCE; start > stamp - SIZE; start -= ADVANCE) {
          const window = `${deviceId} ${start}`
          windows.set(window, (windows.get(window) ?? 0) + 1)
        }
      }
    }
    return windows
  }

  /** Of each prediction, by its window. */
  async function predictedSamples(): Promise<Map<string, number[]>> {
    const avro = avroSerdes(localRegistry())
    const value = avro.value(topics.predictions, Prediction)
    await avro.register()
    const samples = new Map<string, number[]>()
    const reader = await log.reader({ clientId: 'test' })
    const cursor = new RecordCursor()
    for (const { partition, start, end } of await log.admin.offsets(topics.predictions)) {
      let position = start
      reader.seek({ topic: topics.predictions, partition }, position)
      while (position < end) {
        for (const batch of await reader.poll(100)) {
          if (batch.partition !== partition) continue
          for (cursor.reset(batch, position); cursor.next(); ) {
            const {
              deviceId,
              windowStart,
              samples: count,
            } = value.deserialize(cursor.value ?? Buffer.alloc(0))
            const window = `${deviceId} ${windowStart}`
            samples.set(window, [...(samples.get(window) ?? []), count])
          }
          position = batch.lastOffset + 1
        }
      }
    }
    await reader.close()
    return samples
  }
})
