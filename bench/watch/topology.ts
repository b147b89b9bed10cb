/** ticker-watch-data → statistics per window → features → class probabilities → predictions | annotation-requests */
import type { SchemaRegistry } from '../../schemas/index.ts'
import { avroSerdes } from '../../schemas/index.ts'
import {
  deserializing,
  type Graph,
  hopping,
  readerOf,
  type Serde,
  string,
  TopologyBuilder,
} from '../../topology/index.ts'
import { MotionStats, motionStats, statedFields } from './motion-stats.ts'
import { AnnotationRequest } from './schemas/generated/AnnotationRequest.ts'
import { Prediction } from './schemas/generated/Prediction.ts'
import { SensorReading } from './schemas/generated/SensorReading.ts'
import type { Scorer } from './scorer.ts'

export const topics = {
  readings: 'ticker-watch-data',
  predictions: 'predictions',
  annotationRequests: 'annotation-requests',
} as const

/** The ids that the workload says; so no registry is asked. */
const schemaIds: Readonly<Record<string, number>> = {
  [`${topics.readings}-value`]: 1,
  [`${topics.predictions}-value`]: 2,
  [`${topics.annotationRequests}-value`]: 3,
}

const THRESHOLD = Math.fround(0.6)

/** @param onFirstReading called once, before the first reading is decoded */
export async function watchTopology(score: Scorer, onFirstReading: () => void): Promise<Graph> {
  const avro = avroSerdes(fixedIds)
  const builder = new TopologyBuilder()
  const scored = builder
    .stream(topics.readings, {
      key: string,
      value: announcing(avro.projection(topics.readings, SensorReading, statedFields), onFirstReading),
    })
    .groupByKey()
    .window('motion', hopping({ size: '5 s', advance: '2.5 s', grace: '1 s' }), { clock: 'operator' })
    .aggregate(
      {
        initial: () => new MotionStats(),
        add: (stats, reading) => (reading === null ? stats : stats.add(reading)),
        value: motionStats,
      },
      { emit: 'close' },
    )
    .toStream()
    .flatMap((stats, { key, start, end }) => {
      if (stats === null) return []
      const window = { deviceId: key, windowStart: start, windowEnd: end, count: stats.count }
      return [[key, { ...window, features: stats.features() }] as const]
    })
    .mapBatch(
      'score',
      async windows => {
        const probabilities = await score(windows.map(({ features }) => features))
        return windows.map((window, i) => ({ ...window, ...prediction(probabilities[i]!) }))
      },
      // All that closes within a commit interval: a forest's cost is its memory, which more rows share.
      { maxBatch: 1024 },
    )

  const { sure, unsure } = scored.split('confidence', {
    sure: ({ confidence }) => confidence >= THRESHOLD,
    unsure: () => true,
  })
  sure
    .mapValues(({ features: _, ...window }): Prediction => window, { name: 'prediction' })
    .to(topics.predictions, { key: string, value: avro.value(topics.predictions, Prediction) })
  unsure
    .mapValues(({ features, ...window }): AnnotationRequest => ({ ...window, features: [...features] }), {
      name: 'annotation-request',
    })
    .to(topics.annotationRequests, {
      key: string,
      value: avro.value(topics.annotationRequests, AnnotationRequest),
    })
  await avro.register()
  return builder.build()
}

function announcing<T>(serde: Serde<T>, onFirst: () => void): Serde<T> {
  let announced = false
  const read = readerOf(serde)
  return {
    ...serde,
    deserialize: deserializing((bytes, at, end) => {
      if (!announced) {
        announced = true
        onFirst()
      }
      return read(bytes, at, end)
    }),
  }
}

/** The first of the greatest probabilities wins. */
function prediction(row: Float32Array): Pick<Prediction, 'label' | 'confidence' | 'probabilities'> {
  const probabilities = [...row]
  const confidence = Math.max(...probabilities)
  return { label: probabilities.indexOf(confidence), confidence, probabilities }
}

const fixedIds: SchemaRegistry = {
  async register(subject) {
    const id = schemaIds[subject]
    if (id === undefined) throw new Error(`the workload has no schema for ${subject}`)
    return id
  },
  async schemaById(id) {
    throw new Error(`the workload has no schema ${id}`)
  },
}
