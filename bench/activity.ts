/**
 * The watch application's own topology on the log in memory, exactly-once: readings to predictions with a shipped release. Its
 * limit is features and scores of as many windows alone.
 */
import { activityTopology, type ReleaseId } from '../processors/activity-topology.ts'
import { featureExtractor } from '../processors/features/extract.ts'
import { featureSchema } from '../processors/features/schema.ts'
import type { Classifier } from '../processors/models/classifier.ts'
import { defaultPolicy } from '../processors/routing/routing.ts'
import { topicSpecs, topics } from '../processors/topics.ts'
import { avroSerdes, localRegistry, SensorReading } from '../schemas/index.ts'
import { memoryBackend } from '../state/index.ts'
import {
  type Log,
  memoryLog,
  type ProducerRecord,
  partitionOf,
  type RecordedInput,
  StreamsNode,
} from '../topology/index.ts'
import { benchmark, contest, expectEqual, type Figure } from './benchmark.ts'
import { reading } from './reading.ts'
import { shipped } from './score.ts'

const PARTITIONS = 4
const DEVICES = 200
/** Milliseconds between two readings of a device. */
const INTERVAL = 100
const START = 1_700_000_000_000
const PER_SEND = 5_000
const BATCH = 64

export const activity = benchmark({
  name: 'activity',
  summary: 'the activity topology: readings to predictions, beside features and scores alone',
  sizes: {
    records: { of: 400_000, what: 'readings of 200 devices' },
    rounds: { of: 3, what: 'of each way' },
  },
  async run(size): Promise<Figure[]> {
    const log = memoryLog({ limits: { partitionBytes: Number.POSITIVE_INFINITY } })
    const classifier = await shipped()
    const records = size('records')
    await fill(log, records)
    let made = 0
    const predictions = await predicted(log, classifier, `activity-${made++}`, records)
    expectEqual('predictions', predictions, closedWindows(records))
    const figures = await contest({
      count: records,
      of: 'readings',
      rounds: size('rounds'),
      ways: {
        'features and scores alone': () => alone(classifier, predictions),
        'the activity topology': async () => {
          const count = await predicted(log, classifier, `activity-${made++}`, records)
          expectEqual('predictions', count, predictions)
        },
      },
    })
    await classifier.close()
    await log.close()
    return figures
  },
})

/** Each device in turn. */
async function fill(log: Log, records: number): Promise<void> {
  await log.admin.createTopics(topicSpecs(PARTITIONS))
  const avro = avroSerdes(localRegistry())
  const value = avro.value(topics.readings, SensorReading)
  await avro.register()
  const producer = await log.producer({ clientId: 'fill' })
  await producer.init()
  for (let done = 0; done < records; ) {
    const chunk: ProducerRecord[] = []
    for (; chunk.length < PER_SEND && done < records; done++) {
      const deviceId = `watch-${done % DEVICES}`
      const key = Buffer.from(deviceId)
      const timestamp = START + Math.floor(done / DEVICES) * INTERVAL
      const body = value.serialize(reading(deviceId, timestamp))
      chunk.push({
        topic: topics.readings,
        partition: partitionOf(key, PARTITIONS),
        key,
        value: body,
        timestamp,
      })
    }
    await producer.send(chunk)
  }
  await producer.close()
}

/** Of each device, by its own clock: those that end, and their grace, by its last reading. */
function closedWindows(records: number): number {
  const { seconds, advanceSeconds } = featureSchema
  const [length, advance] = [seconds * 1000, advanceSeconds * 1000]
  let closed = 0
  for (let device = 0; device < Math.min(DEVICES, records); device++) {
    const last = START + Math.floor((records - 1 - device) / DEVICES) * INTERVAL
    const first = Math.floor((START - length) / advance) + 1
    closed += Math.max(0, Math.floor((last - length - 1000) / advance) - first + 1)
  }
  return closed
}

/** Runs the topology over all; answers with how many predictions it made. */
async function predicted(
  log: Log,
  classifier: Classifier,
  applicationId: string,
  records: number,
): Promise<number> {
  const { name, version } = classifier.release
  const release: RecordedInput<ReleaseId> = {
    name: 'release',
    value: {
      name: 'json',
      serialize: value => Buffer.from(JSON.stringify(value)),
      deserialize: bytes => JSON.parse(bytes.toString()),
    },
    offer: () => ({ name, version }),
    prepare: async () => {},
  }
  const avro = avroSerdes(localRegistry())
  const topology = activityTopology({
    avro,
    extractor: featureExtractor(featureSchema),
    release,
    score: async (_, features) => await classifier.score(features),
    now: Date.now,
    routing: defaultPolicy,
    partitions: PARTITIONS,
  })
  await avro.register()
  const node = new StreamsNode({ topology, applicationId, log, state: memoryBackend() })
  await node.start()
  const running = node.run()
  while (node.status().processed < records) await new Promise(resolve => setTimeout(resolve, 10))
  await node.close()
  await running
  const { deadLettered, outputs } = node.status()
  expectEqual('dead letters', deadLettered, 0)
  return outputs.filter(({ node }) => node === 'prediction').reduce((sum, { count }) => sum + count, 0)
}

async function alone(classifier: Classifier, windows: number): Promise<void> {
  const extractor = featureExtractor(featureSchema)
  const count = (featureSchema.seconds * 1000) / INTERVAL
  const [start, end] = [START, START + featureSchema.seconds * 1000]
  const timestamps = Float64Array.from({ length: count }, (_, i) => start + i * INTERVAL)
  const samples = Array.from(timestamps, stamp => reading('', stamp))
  const columns = new Map<string, Float64Array>(
    featureSchema.fields.map(field => [
      field,
      Float64Array.from(samples, sample =>
        Number(Object.entries(sample).find(([name]) => name === field)?.[1]),
      ),
    ]),
  )
  const window = { start, end, count, timestamps, column: (field: string) => columns.get(field)! }
  let scored = 0
  for (let done = 0; done < windows; done += BATCH) {
    const rows = Array.from({ length: Math.min(BATCH, windows - done) }, () => extractor.features(window))
    scored += (await classifier.score(rows)).length
  }
  expectEqual('windows scored', scored, windows)
}
