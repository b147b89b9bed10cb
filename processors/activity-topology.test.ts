import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  AnnotationRequest,
  avroSerdes,
  localRegistry,
  Prediction,
  type SensorReading as Reading,
  SensorReading,
} from '../schemas/index.ts'
import { deadLetterHeaders, deadLetterTopic, type RecordedInput, string } from '../topology/index.ts'
import { bytes } from '../topology/serde.ts'
import { disturbances, play } from '../topology/testing/play.ts'
import { TopologyTestDriver } from '../topology/testing/test-driver.ts'
import { activityTopology, type ReleaseId } from './activity-topology.ts'
import { featureExtractor } from './features/extract.ts'
import { featureSchema } from './features/schema.ts'
import type { Score } from './models/classifier.ts'
import { defaultPolicy, type RoutingPolicy } from './routing/routing.ts'
import { topics } from './topics.ts'

const START = Date.UTC(2026, 0, 1)
/** Nothing at random. */
const byBudget: RoutingPolicy = { ...defaultPolicy, randomShare: 0 }

function reading(at: number, changes: Partial<Reading> = {}): Reading {
  return {
    deviceId: 'w1',
    stamp: START + at,
    yaw: 0.1,
    pitch: Math.sin(at / 300),
    roll: 0.3,
    rotationRateX: Math.cos(at / 200),
    rotationRateY: 0,
    rotationRateZ: 0,
    userAccelerationX: Math.sin(at / 100),
    userAccelerationY: 0,
    userAccelerationZ: 0.1,
    locationType: null,
    latitudeDistanceFromMean: null,
    longitudeDistanceFromMean: null,
    altitudeDistanceFromMean: null,
    course: null,
    speed: null,
    horizontalAccuracy: null,
    verticalAccuracy: null,
    batteryState: 'unplugged',
    userActivityLabel: null,
    ...changes,
  }
}

/** The pipeline with a stand-in for the model: sure of windows with many samples. */
async function pipeline({
  routing = byBudget,
  ...options
}: {
  commitEvery?: number
  routing?: RoutingPolicy
} = {}) {
  let inForce: ReleaseId = { name: 'watch', version: '1.0.0' }
  const release: RecordedInput<ReleaseId> = {
    name: 'release',
    value: {
      name: 'json',
      serialize: value => Buffer.from(JSON.stringify(value)),
      deserialize: value => JSON.parse(value.toString()),
    },
    offer: () => inForce,
    prepare: async () => {},
  }
  const widths = new Set<number>()
  const score = async (_: ReleaseId, features: readonly Float32Array[]): Promise<Score[]> =>
    features.map(vector => {
      widths.add(vector.length)
      return { label: 'walking', confidence: 0.75, margin: 0.5, probabilities: [0.75, 0.25], route: 'unsure' }
    })
  const avro = avroSerdes(localRegistry())
  const graph = activityTopology({
    avro,
    extractor: featureExtractor(featureSchema),
    release,
    score,
    now: () => START + 3_600_000,
    routing,
    partitions: 1,
  })
  await avro.register()
  const driver = await TopologyTestDriver.start(graph, options)
  const value = <T extends object>(topic: string, type: Parameters<typeof avro.value<T>>[1]) => ({
    key: string,
    value: avro.value(topic, type),
  })
  return {
    graph,
    driver,
    widths,
    readings: value(topics.readings, SensorReading),
    pipe: (value: Reading | null, timestamp = value?.stamp ?? 0, key = 'w1') =>
      driver.pipe(topics.readings, { key, value, timestamp }),
    publish: (version: string) => {
      inForce = { name: 'watch', version }
    },
    predictions: async () =>
      (await driver.read(topics.predictions, value(topics.predictions, Prediction))).flatMap(
        each => each.value ?? [],
      ),
    outputs: {
      [topics.predictions]: value(topics.predictions, Prediction),
      [topics.annotationRequests]: value(topics.annotationRequests, AnnotationRequest),
    },
    requests: async () =>
      (
        await driver.read(topics.annotationRequests, value(topics.annotationRequests, AnnotationRequest))
      ).flatMap(each => each.value ?? []),
    late: async () => await driver.read(topics.lateReadings, value(topics.lateReadings, SensorReading)),
    deadLetters: async () =>
      (await driver.read(deadLetterTopic('test'), { key: string, value: bytes })).map(({ headers }) =>
        headers.find(([name]) => name === deadLetterHeaders.code)?.[1].toString(),
      ),
  }
}

describe('the activity topology', () => {
  it('gives every closed window one prediction with its bounds, samples, model and features, and asks where unsure', async () => {
    const job = await pipeline()
    for (let at = 0; at < 10_000; at += 100) await job.pipe(reading(at))
    await job.pipe(reading(13_600))
    const predictions = await job.predictions()
    expect(predictions.map(each => [each.windowStart - START, each.samples])).toEqual([
      [-2500, 25],
      [0, 50],
      [2500, 50],
      [5000, 50],
      [7500, 25],
    ])
    expect(predictions[1]).toMatchObject({
      deviceId: 'w1',
      windowEnd: START + 5000,
      label: 'walking',
      route: 'unsure',
      modelName: 'watch',
      modelVersion: '1.0.0',
      featureSchemaHash: featureSchema.hash,
    })
    const requests = await job.requests()
    expect(requests).toHaveLength(predictions.length)
    expect(requests[0]?.features).toHaveLength(featureSchema.features.length)
    expect([...job.widths]).toEqual([featureSchema.features.length])
    expect(requests[0]).toMatchObject({ arm: 'unsure', windowStart: START - 2500 })
    // The window began before the first sample.
    expect(requests[0]?.sampleTimes.slice(0, 2)).toEqual([2500, 2600])
    expect(requests[1]?.signals.pitch?.slice(0, 2)).toEqual([0, Math.sin(1 / 3)].map(Math.fround))
    expect(Object.keys(requests[1]?.signals ?? {})).toEqual(featureSchema.fields)
    expect(requests[1]?.signals.roll).toHaveLength(50)
    await job.driver.close()
  })

  it('routes each window alike whatever commits and restarts there are, within the budget', async () => {
    const job = await pipeline({ routing: { requestsPerHour: 5, randomShare: 0.3, seed: 7 } })
    const hour = 3_600_000
    const devices = ['w1', 'w2', 'w3']
    const inputs = [0, 2500, 5000, 7500, 10_000, 12_500, hour, hour + 2500, hour + 5000].flatMap(at =>
      devices.map(deviceId => {
        const value = reading(at, { deviceId })
        return { topic: topics.readings, key: deviceId, value, timestamp: value.stamp }
      }),
    )
    const expected = await play(job.graph, inputs, job.outputs)
    const routes = expected[topics.predictions].map(({ value }) => value?.route)
    expect(new Set(routes)).toEqual(new Set(['unsure', 'unsureOverBudget', 'randomArm']))
    const asked = expected[topics.annotationRequests].flatMap(({ value }) => value ?? [])
    const unsure = asked.filter(({ arm }) => arm === 'unsure')
    expect(
      unsure.filter(({ windowStart }) => windowStart >= START && windowStart < START + hour),
    ).toHaveLength(5)
    expect(asked).toHaveLength(routes.filter(route => route !== 'unsureOverBudget').length)
    await fc.assert(
      fc.asyncProperty(disturbances(inputs.length), async disturbance => {
        expect(await play(job.graph, inputs, job.outputs, disturbance)).toEqual(expected)
      }),
      { numRuns: 15 },
    )
    await job.driver.close()
  })

  it('closes the windows of a device whose recording ends, and of no other one', async () => {
    const job = await pipeline()
    await job.pipe(reading(0))
    await job.pipe(reading(100, { deviceId: 'w2' }), START + 100, 'w2')
    await job.pipe(null, START)
    expect((await job.predictions()).map(each => [each.deviceId, each.windowStart - START])).toEqual([
      ['w1', -2500],
      ['w1', 0],
    ])
    await job.pipe(reading(1000))
    expect(await job.late()).toMatchObject([{ key: 'w1', value: { stamp: START + 1000 } }])
    await job.driver.close()
  })

  it('goes over to another release between two commits', async () => {
    const job = await pipeline({ commitEvery: 3 })
    for (let at = 0; at < 30_000; at += 2500) {
      if (at === 15_000) job.publish('1.1.0')
      await job.pipe(reading(at))
    }
    await job.driver.commit()
    const versions = (await job.predictions()).map(each => each.modelVersion)
    expect([...new Set(versions)]).toEqual(['1.0.0', '1.1.0'])
    expect(versions).toEqual([...versions].sort())
    await job.driver.close()
  })

  it('puts what is no usable reading into the dead letters, and goes on', async () => {
    const job = await pipeline()
    const whole = job.readings.value.serialize(reading(0))
    const send = (value: Buffer) =>
      job.driver.pipeBytes(topics.readings, { key: Buffer.from('w1'), value, timestamp: START })
    const wrongMagic = Buffer.from(whole)
    wrongMagic[0] = 7
    await send(wrongMagic)
    const unknownSchema = Buffer.from(whole)
    unknownSchema.writeUInt32BE(4_000_000, 1)
    await send(unknownSchema)
    await send(whole.subarray(0, whole.length - 3))
    await send(Buffer.concat([whole, Buffer.of(0)]))
    await send(Buffer.alloc(0))
    await job.pipe(reading(0, { pitch: Number.NaN }))
    await job.pipe(reading(0, { speed: Number.POSITIVE_INFINITY }))
    await job.pipe(reading(0, { stamp: -1 }), START)
    await job.pipe(reading(0, { stamp: Date.UTC(1990, 0) }))
    await job.pipe(reading(0, { stamp: START + 3 * 86_400_000 }))
    await job.pipe(reading(0, { deviceId: 'another' }))
    expect(await job.deadLetters()).toEqual([
      ...Array(5).fill('RECORD_UNDECODABLE'),
      ...Array(6).fill('RECORD_INVALID'),
    ])
    await job.pipe(reading(0))
    await job.pipe(null, START)
    expect(await job.predictions()).toHaveLength(2)
    await job.driver.close()
  })
})
