import { expect, test } from 'vitest'
import { Annotation, avroSerdes, localRegistry, ShadowPrediction } from '../../schemas/index.ts'
import { memoryLog } from '../../topology/index.ts'
import { topicSpecs, topics } from '../topics.ts'
import { compareShadow } from './shadow-comparison.ts'

const release = { name: 'watch', version: '1.1.0' }

function prediction(
  window: number,
  label: string,
  changes: Partial<ShadowPrediction> = {},
): ShadowPrediction {
  return {
    deviceId: 'w1',
    windowStart: window,
    windowEnd: window + 5000,
    label,
    confidence: 0.75,
    margin: 0.5,
    probabilities: [0.75, 0.25],
    sure: true,
    modelName: 'watch',
    modelVersion: '1.1.0',
    featureSchemaHash: '0123456789abcdef',
    servingVersion: '1.0.0',
    servingLabel: 'walking',
    servingConfidence: 0.5,
    ...changes,
  }
}

function annotation(window: number, label: string | null, changes: Partial<Annotation> = {}): Annotation {
  return {
    deviceId: 'w1',
    windowStart: window,
    windowEnd: window + 5000,
    verdict: label === null ? 'cannotTell' : 'labelled',
    label,
    annotator: 'anna',
    annotatedAt: 1000,
    arm: 'unsure',
    predicted: 'walking',
    confidence: 0.9,
    modelName: 'watch',
    modelVersion: '1.0.0',
    featureSchemaHash: '0123456789abcdef',
    features: [1],
    ...changes,
  }
}

test('windows count once, of one release, and with the label that holds', async () => {
  const log = memoryLog()
  await log.admin.createTopics(topicSpecs(2))
  const avro = avroSerdes(localRegistry())
  const shadow = avro.value(topics.shadowPredictions, ShadowPrediction)
  const said = avro.value(topics.annotations, Annotation)
  await avro.register()
  const producer = await log.producer({ clientId: 'test' })
  await producer.init()
  const send = async (topic: string, partition: number, value: Buffer): Promise<void> => {
    await producer.send([{ topic, partition, key: null, value, timestamp: 0 }])
  }
  const scored = [
    prediction(1, 'walking'),
    prediction(2, 'jogging'),
    prediction(2, 'jogging'), // again, after a failure
    prediction(3, 'jogging'),
    prediction(4, 'sitting'),
    prediction(5, 'walking', { modelVersion: '1.0.9' }),
    prediction(6, 'walking'),
  ]
  for (const each of scored) await send(topics.shadowPredictions, 0, shadow.serialize(each))
  await send(topics.shadowPredictions, 1, shadow.serialize(prediction(1, 'jogging', { deviceId: 'w2' })))
  const annotations = [
    annotation(1, 'walking', { arm: 'random' }),
    annotation(2, 'walking'),
    annotation(2, 'jogging', { annotatedAt: 2000 }), // holds
    annotation(3, 'sitting', { arm: 'random' }),
    annotation(4, 'sitting'),
    annotation(4, null, { annotatedAt: 2000, verdict: 'withdrawn' }),
    annotation(6, null),
  ]
  for (const each of annotations) await send(topics.annotations, 0, said.serialize(each))
  await send(
    topics.annotations,
    1,
    said.serialize(annotation(1, 'jogging', { deviceId: 'w2', arm: 'random' })),
  )

  expect(await compareShadow({ log, avro, clientId: 'test', release })).toEqual({
    ...release,
    windows: 6,
    agreed: 2,
    disagreements: [
      { serving: 'walking', shadow: 'jogging', windows: 3 },
      { serving: 'walking', shadow: 'sitting', windows: 1 },
    ],
    annotated: { windows: 4, shadowRight: 3, servingRight: 1 },
    randomArm: { windows: 3, shadowRight: 2, servingRight: 1 },
  })
  await producer.close()
  await log.close()
})
