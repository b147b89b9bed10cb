/** The program as its checker runs it: killed in the middle and started again, every record compared with a recomputation. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { forest } from '../../processors/models/testing/onnx.ts'
import { root } from '../../test/files.ts'
import { plainEnvironment } from '../../test/tickerwatch.ts'
import { type Log, RecordCursor } from '../../topology/index.ts'
import { brokerUnavailable } from '../../topology/log/kafka/broker/distribution.ts'
import {
  startTemporaryBroker,
  type TemporaryBroker,
} from '../../topology/log/kafka/broker/temporary-broker.ts'
import { kafkaLog } from '../../topology/log/kafka/kafka-log.ts'
import { generate, type InputRecord, inputRecords } from './input.ts'
import { decoderOf, type Emitted, recompute } from './recomputation.ts'

const reason = brokerUnavailable()
const schemas = join(import.meta.dirname, 'schemas')
const INPUT = 'ticker-watch-data'
const OUTPUTS = { predictions: 'Prediction', 'annotation-requests': 'AnnotationRequest' }
const PARTITIONS = 4
const [DEVICES, TICKS] = [20, 1000]
const waiting = { timeout: 120_000, interval: 20 }

describe.skipIf(reason !== undefined)(`on Kafka ${reason ?? ''}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'tickerwatch-bench-'))
  const model = join(directory, 'model.onnx')
  const running = new Set<ChildProcess>()
  let broker: TemporaryBroker
  let log: Log
  let input: readonly InputRecord[]
  beforeAll(async () => {
    const file = join(directory, 'input.bin')
    const { signal } = new AbortController()
    await generate(file, { records: DEVICES * TICKS, devices: DEVICES, signal })
    input = [...inputRecords(file)]
    writeFileSync(model, forest({ width: 46, classes: 6, trees: 60, seed: 3 }))
    broker = await startTemporaryBroker()
    log = await kafkaLog({ brokers: [broker.brokers], clientId: 'test' })
    await log.admin.createTopics(
      [INPUT, ...Object.keys(OUTPUTS)].map(topic => ({
        topic,
        partitions: PARTITIONS,
        config: { 'retention.ms': '-1' },
      })),
    )
  })
  afterAll(async () => {
    for (const child of running) child.kill('SIGKILL')
    await log?.close()
    await broker?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  test('emits every closed window once and right, killed in the middle, and leaves the others open', async () => {
    const half = input.length / 2
    await load(input.slice(0, half))
    const killed = start()
    await expect.poll(committed, waiting).toBeGreaterThan(half / 4)
    killed.kill('SIGKILL')
    await once(killed, 'exit')
    await load(input.slice(half))

    const again = start()
    let text = ''
    again.stdout?.on('data', chunk => {
      text += chunk
    })
    await expect.poll(committed, waiting).toBe(input.length)
    again.kill('SIGTERM')
    expect(await once(again, 'exit')).toEqual([0, null])
    expect(text).toMatch(/^EVENT MAIN \d+\n/)
    expect(text).toMatch(/^EVENT FIRST_RECORD \d+$/m)
    for (const name of ['RESTORE_START', 'RESTORE_END']) {
      const restored = [
        ...text.matchAll(new RegExp(`^EVENT ${name} \\d+ watch-motion-changelog-(\\d) \\d+$`, 'gm')),
      ]
      expect(restored.map(([, partition]) => partition).sort()).toEqual(['0', '1', '2', '3'])
    }

    const expected = await recompute(input, { model, readingSchema: join(schemas, 'SensorReading.avsc') })
    const topics = [...expected.values()].map(({ topic }) => topic)
    expect(new Set(topics)).toEqual(new Set(Object.keys(OUTPUTS)))
    const emitted = await read()
    expect(emitted.map(([name]) => name).sort()).toEqual([...expected.keys()].sort())
    for (const [name, { confidence, ...window }] of emitted) {
      const { confidence: wanted, ...rest } = expected.get(name)!
      expect({ name, ...window }).toEqual({ name, ...rest })
      expect(confidence).toBeCloseTo(wanted, 5)
    }
  })

  function start(): ChildProcess {
    const options = { '--brokers': broker.brokers, '--application-id': 'watch', '--model': model }
    const words = Object.entries({ ...options, '--state-dir': join(directory, 'state') }).flat()
    const child = spawn(process.execPath, ['bench/watch-bench.mjs', ...words], {
      cwd: root,
      env: plainEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    running.add(child)
    child.once('exit', () => running.delete(child))
    return child
  }

  async function load(records: readonly InputRecord[]): Promise<void> {
    const producer = await log.producer({ clientId: 'load' })
    await producer.init()
    await producer.send(records.map(record => ({ topic: INPUT, ...record })))
    await producer.close()
  }

  async function committed(): Promise<number> {
    const positions = await log.admin.committed('watch', [INPUT])
    return positions.reduce((sum, { position }) => sum + position, 0)
  }

  /** All that was committed to the outputs, in no order. */
  async function read(): Promise<[string, Emitted][]> {
    const emitted: [string, Emitted][] = []
    for (const [topic, schema] of Object.entries(OUTPUTS)) {
      const decode = decoderOf(join(schemas, `${schema}.avsc`))
      const ends = new Map((await log.admin.offsets(topic)).map(({ partition, end }) => [partition, end]))
      const reader = await log.reader({ clientId: 'test' })
      const cursor = new RecordCursor()
      for (const partition of ends.keys()) reader.seek({ topic, partition }, 0)
      for (const [partition, end] of ends) if (end === 0) ends.delete(partition)
      while (ends.size > 0) {
        for (const batch of await reader.poll(100)) {
          cursor.reset(batch, 0)
          while (cursor.next()) {
            const { deviceId, windowStart, count, label, confidence } = decode(cursor.value!)
            expect(String(cursor.key)).toBe(deviceId)
            const name = `${deviceId} ${windowStart}`
            emitted.push([
              name,
              { topic, count: Number(count), label: Number(label), confidence: Number(confidence) },
            ])
          }
          if (batch.lastOffset + 1 >= (ends.get(batch.partition) ?? 0)) ends.delete(batch.partition)
        }
      }
      await reader.close()
    }
    return emitted
  }
})
