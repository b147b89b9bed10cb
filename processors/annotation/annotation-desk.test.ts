import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Annotation, AnnotationRequest, avroSerdes, localRegistry } from '../../schemas/index.ts'
import { systemTimers, type Timers } from '../../topology/index.ts'
import { type MemoryLog, memoryLog } from '../../topology/log/memory/memory-log.ts'
import { topicSpecs, topics } from '../topics.ts'
import { AnnotationDesk, type ShownWindow } from './annotation-desk.ts'

const START = Date.UTC(2026, 0, 1)
const labels = ['sitting', 'walking']

function request(n: number, changes: Partial<AnnotationRequest> = {}): AnnotationRequest {
  return {
    deviceId: `w${n % 3}`,
    windowStart: START + n * 2500,
    windowEnd: START + n * 2500 + 5000,
    samples: 2,
    label: 'walking',
    margin: n / 100,
    probabilities: [0.4, 0.6],
    features: [n, -n],
    modelName: 'watch',
    modelVersion: '1.0.0',
    featureSchemaHash: 'abc',
    arm: 'unsure',
    sampleTimes: [0, 100],
    signals: { pitch: [0.5, Number.NaN] },
    ...changes,
  }
}

describe('the annotation desk', () => {
  let log: MemoryLog
  let shift: number
  let timers: Timers
  const desks: AnnotationDesk[] = []
  const avro = avroSerdes(localRegistry())
  const requests = avro.value(topics.annotationRequests, AnnotationRequest)
  const annotations = avro.value(topics.annotations, Annotation)
  let id = 0

  beforeEach(async () => {
    log = memoryLog()
    shift = 0
    timers = { ...systemTimers, now: () => systemTimers.now() + shift }
    await log.admin.createTopics(topicSpecs(2))
  })
  afterEach(async () => {
    for (const desk of desks.splice(0)) await desk.close()
    await log.close()
  })

  const open = async (): Promise<AnnotationDesk> => {
    const desk = new AnnotationDesk({
      log,
      avro,
      clientId: `desk-${desks.length}`,
      labels: () => labels,
      featureSchemaHash: 'abc',
      leastSamples: 2,
      newId: () => `claim-${id++}`,
      timers,
      logger: { warn: () => {} },
    })
    await avro.register()
    await desk.start()
    await desk.caughtUp()
    desks.push(desk)
    return desk
  }
  const ask = async (...asked: readonly AnnotationRequest[]): Promise<void> => {
    await avro.register()
    const producer = await log.producer({ clientId: 'test' })
    await producer.init()
    await producer.send(
      asked.map(each => ({
        topic: topics.annotationRequests,
        partition: 0,
        key: Buffer.from(each.deviceId),
        value: requests.serialize(each),
        timestamp: each.windowStart,
      })),
    )
    await producer.close()
  }
  const number = (window: ShownWindow | undefined): number =>
    window === undefined ? -1 : (window.windowStart - START) / 2500

  it('hands out the least margin first, with its signals, and writes the label with what was scored', async () => {
    await ask(request(3), request(1), request(2), request(0, { samples: 1 }))
    const desk = await open()
    const shown = await desk.next('anna')
    expect(shown).toMatchObject({
      deviceId: 'w1',
      windowStart: START + 2500,
      predicted: 'walking',
      probabilities: [
        { label: 'sitting', probability: expect.closeTo(0.4) },
        { label: 'walking', probability: expect.closeTo(0.6) },
      ],
      sampleTimes: [0, 100],
      signals: { pitch: [0.5, null] },
    })
    await expect(desk.answer('anna', shown!, { verdict: 'labelled', label: 'flying' })).rejects.toThrow(
      'flying',
    )
    await desk.answer('anna', shown!, { verdict: 'labelled', label: 'sitting' })
    expect(desk.status()).toMatchObject({ labelled: 1, waiting: { unsure: 2 }, byLabel: { sitting: 1 } })

    const reader = await log.reader({ clientId: 'test' })
    for (const partition of [0, 1]) reader.seek({ topic: topics.annotations, partition }, 0)
    const [batch] = await reader.poll(1000)
    await reader.close()
    const { RecordCursor } = await import('../../topology/index.ts')
    const cursor = new RecordCursor().reset(batch!, 0)
    expect(cursor.next()).toBe(true)
    expect(annotations.deserialize(cursor.value!)).toMatchObject({
      deviceId: 'w1',
      windowStart: START + 2500,
      verdict: 'labelled',
      label: 'sitting',
      annotator: 'anna',
      predicted: 'walking',
      confidence: expect.closeTo(0.6),
      modelVersion: '1.0.0',
      features: [1, -1],
    })
  })

  it('is the same after a restart: what was said stays said, and what was not is asked again', async () => {
    await ask(request(1), request(2), request(3))
    const before = await open()
    await before.answer('anna', (await before.next('anna'))!, { verdict: 'labelled', label: 'sitting' })
    await before.answer('anna', (await before.next('anna'))!, { verdict: 'cannotTell' })
    const waits = number(await before.next('anna'))
    shift += 200_000
    const after = await open()
    expect(after.status()).toEqual(before.status())
    expect(after.accuracy({ by: 'hour' })).toEqual(before.accuracy({ by: 'hour' }))
    expect(after.accuracy({ by: 'hour' }).queried).toMatchObject({
      ...{ windows: 1, right: 0, calibration: { windows: 1, error: expect.closeTo(0.6) } },
      overTime: [{ start: START, windows: 1, right: 0 }],
    })
    expect(number(await after.next('bert'))).toBe(waits)
  })

  it('gives no window to two people at once, of two nodes either, until it was held too long', async () => {
    await ask(...Array.from({ length: 12 }, (_, i) => request(i)))
    const [a, b] = [await open(), await open()]
    const given = await Promise.all(Array.from({ length: 12 }, (_, i) => (i % 2 ? a : b).next(`person ${i}`)))
    expect(new Set(given.map(number)).size).toBe(12)
    expect(await a.next('late')).toBeUndefined()
    shift += 121_000
    expect(number(await b.next('late'))).toBeGreaterThanOrEqual(0)
  })

  it('skips without a label, and gives what was skipped to others', async () => {
    await ask(request(1), request(2))
    const desk = await open()
    const first = await desk.next('anna')
    await desk.skip('anna', first!)
    const second = await desk.next('anna')
    expect(number(second)).not.toBe(number(first))
    await desk.skip('anna', second!)
    expect(await desk.next('anna')).toBeUndefined()
    expect(number(await desk.next('bert'))).toBe(number(first))
    expect(desk.status()).toMatchObject({ labelled: 0, cannotTell: 0, waiting: { unsure: 2 } })
  })

  it('takes back an answer, and holds the window for the person who did', async () => {
    await ask(request(1))
    const desk = await open()
    const first = await desk.next('anna')
    await desk.answer('anna', first!, { verdict: 'labelled', label: 'sitting' })
    expect(desk.accuracy({ by: 'day' }).queried.windows).toBe(1)
    expect(await desk.undo('anna', first!)).toEqual(first)
    expect(desk.status()).toMatchObject({ labelled: 0, waiting: { unsure: 1 } })
    expect(desk.accuracy({ by: 'day' }).queried.windows).toBe(0)
    expect(await desk.next('bert')).toBeUndefined()
    await desk.answer('anna', first!, { verdict: 'labelled', label: 'walking' })
    expect((await open()).status()).toMatchObject({
      labelled: 1,
      byLabel: { walking: 1 },
      waiting: { unsure: 0 },
    })
  })

  it('mixes in the random arm, and measures accuracy on nothing else, by version and class', async () => {
    const random = Array.from({ length: 4 }, (_, i) =>
      request(100 + i, { arm: 'random', margin: 0.9, modelVersion: i < 2 ? '1.0.0' : '2.0.0' }),
    )
    await ask(...Array.from({ length: 12 }, (_, i) => request(i)), ...random)
    const desk = await open()
    const arms: string[] = []
    for (let i = 0; i < 16; i++) {
      const window = await desk.next('anna')
      arms.push(window!.arm)
      const label = window!.windowStart === START + 100 * 2500 ? 'sitting' : 'walking'
      await desk.answer('anna', window!, { verdict: 'labelled', label })
    }
    expect(arms.slice(0, 8).filter(arm => arm === 'random')).toHaveLength(2)
    expect(desk.status().accuracy.toSorted((a, b) => (a.version < b.version ? -1 : 1))).toEqual([
      {
        version: '1.0.0',
        windows: 2,
        right: 1,
        perClass: { sitting: { windows: 1, right: 0 }, walking: { windows: 1, right: 1 } },
      },
      { version: '2.0.0', windows: 2, right: 2, perClass: { walking: { windows: 2, right: 2 } } },
    ])
    expect(await desk.next('anna')).toBeUndefined()
  })

  it('orders anew what waits by what another release says', async () => {
    await ask(request(1), request(2), request(3))
    const desk = await open()
    await desk.reorder(async vectors => vectors.map(([n]) => 1 / n!))
    expect(number(await desk.next('anna'))).toBe(3)
  })
})
