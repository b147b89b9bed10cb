/**
 * Readings through hopping windows on the log in memory, exactly-once: decode, aggregate or collect, commit. Their limit is the
 * same sums by hand, from the same batches, which nobody could commit.
 */
import { avroSerdes, decoder } from '../schemas/index.ts'
import { memoryBackend } from '../state/index.ts'
import {
  type Graph,
  hopping,
  type Log,
  memoryLog,
  RecordCursor,
  StreamsNode,
  string,
  TopologyBuilder,
} from '../topology/index.ts'
import { benchmark, contest, expectEqual, type Figure } from './benchmark.ts'
import { loadReadings, PARTITIONS } from './load-readings.ts'
import { MotionStats, motionStats, statedFields } from './watch/motion-stats.ts'
import { SensorReading } from './watch/schemas/generated/SensorReading.ts'

const TOPIC = 'ticker-watch-data'
const [SIZE, ADVANCE, GRACE] = [5000, 2500, 1000]

export const windows = benchmark({
  name: 'windows',
  summary: 'readings through hopping windows on the log in memory, beside the same sums by hand',
  sizes: {
    records: { of: 1_000_000, what: 'readings, a multiple of 200' },
    rounds: { of: 3, what: 'of each way' },
  },
  async run(size, signal): Promise<Figure[]> {
    const log = memoryLog({ limits: { partitionBytes: Number.POSITIVE_INFINITY } })
    const records = size('records')
    await loadReadings(log, TOPIC, records, signal)
    const closed = await byHand(log, records)
    let made = 0
    const through = async (topology: (builder: TopologyBuilder) => Promise<void>): Promise<void> => {
      const builder = new TopologyBuilder()
      await topology(builder)
      expectEqual('windows closed', await run(log, builder.build(), `windows-${made++}`, records), closed)
    }
    const ways = {
      'the sums by hand': async () => expectEqual('windows closed', await byHand(log, records), closed),
      aggregated: () => through(aggregated),
      collected: () => through(collected),
    }
    const figures = await contest({ count: records, of: 'readings', rounds: size('rounds'), ways })
    await log.close()
    return figures
  },
})

async function source(builder: TopologyBuilder) {
  const avro = avroSerdes({
    register: async () => 1,
    schemaById: () => Promise.reject(new Error('there is one schema')),
  })
  const value = avro.projection(TOPIC, SensorReading, statedFields)
  await avro.register()
  return builder.stream(TOPIC, { key: string, value }).groupByKey()
}

const hops = hopping({ size: SIZE, advance: ADVANCE, grace: GRACE })

export async function aggregated(builder: TopologyBuilder): Promise<void> {
  const grouped = await source(builder)
  grouped.window('motion', hops).aggregate(
    {
      initial: () => new MotionStats(),
      add: (stats, reading) => (reading === null ? stats : stats.add(reading)),
      value: motionStats,
    },
    { emit: 'close' },
  )
}

async function collected(builder: TopologyBuilder): Promise<void> {
  const grouped = await source(builder)
  const fields = statedFields.filter(field => field !== 'speed')
  grouped
    .window('motion', hops)
    .collect(fields)
    .mapWindows('count', samples => samples.count)
}

/** Answers with how many windows were closed. */
async function run(log: Log, topology: Graph, applicationId: string, records: number): Promise<number> {
  const node = new StreamsNode({ topology, applicationId, log, state: memoryBackend() })
  await node.start()
  const running = node.run()
  while (node.status().processed < records) await new Promise(resolve => setTimeout(resolve, 10))
  await node.close()
  await running
  return node.status().windowsClosed
}

/** Each device's open windows in a map, closed by the partition's time. Answers with how many were. */
async function byHand(log: Log, records: number): Promise<number> {
  const reader = await log.reader({ clientId: 'by hand' })
  const decode = decoder(SensorReading, { fields: statedFields })
  const open = Array.from({ length: PARTITIONS }, () => new Map<number, Map<string, MotionStats>>())
  const times = open.map(() => Number.NEGATIVE_INFINITY)
  for (let partition = 0; partition < PARTITIONS; partition++) reader.seek({ topic: TOPIC, partition }, 0)
  const cursor = new RecordCursor()
  let [seen, closed] = [0, 0]
  while (seen < records) {
    for (const batch of await reader.poll(0)) {
      const windows = open[batch.partition]!
      for (cursor.reset(batch, 0); cursor.next(); seen++) {
        const key = cursor.key!.toString('latin1')
        const reading = decode(cursor.value!, 5)
        const { timestamp } = cursor
        for (let start = timestamp - (timestamp % ADVANCE); start > timestamp - SIZE; start -= ADVANCE) {
          const starting = windows.get(start) ?? new Map<string, MotionStats>()
          windows.set(start, starting)
          const stats = starting.get(key)
          if (stats === undefined) starting.set(key, new MotionStats().add(reading))
          else stats.add(reading)
        }
        if (timestamp <= times[batch.partition]!) continue
        times[batch.partition] = timestamp
        for (const [start, starting] of windows) {
          if (start + SIZE + GRACE > timestamp) break
          for (const stats of starting.values()) closed += stats.features().length > 0 ? 1 : 0
          windows.delete(start)
        }
      }
    }
  }
  await reader.close()
  return closed
}
