/** What a reading costs as devices and partitions become more: windows on the log in memory, and nodes on Kafka. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryBackend, rocksdbBackend, type StateBackend } from '../state/index.ts'
import {
  type Log,
  memoryLog,
  type ProducerRecord,
  partitionOf,
  StreamsNode,
  TopologyBuilder,
} from '../topology/index.ts'
import { benchmark, expectEqual, type Figure, spent } from './benchmark.ts'
import { cpuOf } from './events.ts'
import { SensorReading } from './watch/schemas/generated/SensorReading.ts'
import { aggregated } from './windows.ts'
import { withKafka } from './with-kafka.ts'

const TOPIC = 'ticker-watch-data'
const START = 1_700_000_000_000
/** Milliseconds between two readings of a device: ten in a window. */
const INTERVAL = 500
const PER_SEND = 10_000
const FEW_DEVICES = 100
const HEADER = Buffer.from([0, 0, 0, 0, 1])

export const growth = benchmark({
  name: 'growth',
  summary: 'what a reading costs from 100 to 100,000 devices and from 1 to 64 partitions',
  sizes: {
    devices: { of: 100_000, what: 'at most, from 100 in tenfold steps' },
    partitions: { of: 64, what: 'at most, from 1 in fourfold steps' },
    records: { of: 2_000_000, what: 'readings for each' },
  },
  async run(size): Promise<Figure[]> {
    const figures: Figure[] = []
    for (let devices = FEW_DEVICES; devices <= size('devices'); devices *= 10) {
      const log = memoryLog({ limits: { partitionBytes: Number.POSITIVE_INFINITY } })
      const load = { devices, partitions: 4, records: size('records') }
      await fill(log, load)
      const { cpu } = await spent(() => run(log, memoryBackend(), load))
      figures.push(perMillion(`${devices.toLocaleString('en')} devices`, cpu, load.records, figures[0]))
      await log.close()
    }
    let first: readonly Figure[] = []
    for (let partitions = 1; partitions <= size('partitions'); partitions *= 4) {
      const found = await onKafka({ devices: 200, partitions, records: size('records') }, first)
      if (first.length === 0) first = found
      figures.push(...found)
    }
    return figures
  },
})

interface Load {
  readonly devices: number
  readonly partitions: number
  readonly records: number
}

function perMillion(what: string, cpu: number, records: number, first: Figure | undefined): Figure {
  const limit = first && { what: first.what, value: first.value }
  return { what, unit: 'CPU-s/M', value: (cpu * 1e6) / records, limit }
}

async function onKafka(load: Load, first: readonly Figure[]): Promise<Figure[]> {
  const { partitions, records } = load
  const directory = mkdtempSync(join(tmpdir(), 'tickerwatch-growth-'))
  try {
    return await withKafka(async ({ log, pid }) => {
      await fill(log, load)
      const before = cpuOf(pid)
      const { cpu, seconds } = await spent(() => run(log, rocksdbBackend(directory), load))
      const what = `${partitions} partition${partitions === 1 ? '' : 's'}`
      const limit = first[0] && { what: first[0].what, value: first[0].value }
      return [
        { what: `${what}, on Kafka`, unit: 'readings/s', value: records / seconds, limit },
        perMillion(`${what}, on Kafka`, cpu, records, first[1]),
        perMillion(`${what}, the broker`, cpuOf(pid) - before, records, first[2]),
      ]
    })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Each device in turn. */
async function fill(log: Log, { devices, partitions, records }: Load): Promise<void> {
  await log.admin.createTopics([{ topic: TOPIC, partitions, config: { 'retention.ms': '-1' } }])
  const producer = await log.producer({ clientId: 'fill' })
  await producer.init()
  const known = Array.from({ length: devices }, (_, i) => {
    const deviceId = `watch-${String(i).padStart(6, '0')}`
    const key = Buffer.from(deviceId)
    return { deviceId, key, partition: partitionOf(key, partitions) }
  })
  for (let done = 0; done < records; ) {
    const chunk: ProducerRecord[] = []
    for (; chunk.length < PER_SEND && done < records; done++) {
      const { deviceId, key, partition } = known[done % devices]!
      const timestamp = START + Math.floor(done / devices) * INTERVAL
      const value = Buffer.concat([HEADER, SensorReading.encode(readingOf(deviceId, timestamp))])
      chunk.push({ topic: TOPIC, partition, key, value, timestamp })
    }
    await producer.send(chunk)
  }
  await producer.close()
}

function readingOf(deviceId: string, timestamp: number): SensorReading {
  const x = Math.sin(timestamp / 3000)
  const [y, z] = [x / 2, -x]
  return {
    ...{ deviceId, timestamp, yaw: x, pitch: y, roll: z },
    ...{ rotationRateX: x, rotationRateY: y, rotationRateZ: z },
    ...{ userAccelerationX: x, userAccelerationY: y, userAccelerationZ: z },
    ...{ latitude: null, longitude: null, altitude: null, course: null, speed: null },
    ...{ horizontalAccuracy: null, verticalAccuracy: null, activityLabel: null },
  }
}

async function run(log: Log, state: StateBackend, { devices, records }: Load): Promise<void> {
  const builder = new TopologyBuilder()
  await aggregated(builder)
  const node = new StreamsNode({ topology: builder.build(), applicationId: 'growth', log, state })
  await node.start()
  const running = node.run()
  while (node.status().processed < records) await new Promise(resolve => setTimeout(resolve, 10))
  await node.close()
  await running
  // Its partition's time is that of its last reading, or of a device before it in the last round.
  const rounds = Math.floor(records / devices)
  if (rounds * INTERVAL > 10_000 && node.status().windowsClosed < devices)
    throw new Error(`${node.status().windowsClosed} windows of ${devices} devices were closed`)
  expectEqual('dead letters', node.status().deadLettered, 0)
}
