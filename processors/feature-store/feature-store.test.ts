import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileStore } from '../../lake/file-store.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { Annotation, avroSerdes, localRegistry } from '../../schemas/index.ts'
import { systemTimers } from '../../topology/index.ts'
import { type MemoryLog, memoryLog } from '../../topology/log/memory/memory-log.ts'
import { topicSpecs, topics } from '../topics.ts'
import { FeatureStoreWriter, labelledSamples, storedAnnotations } from './feature-store.ts'

const START = Date.UTC(2026, 0, 1, 23, 59, 50)

function annotation(n: number, changes: Partial<Annotation> = {}): Annotation {
  return {
    deviceId: `w${n % 3}`,
    windowStart: START + n * 2500,
    windowEnd: START + n * 2500 + 5000,
    verdict: 'labelled',
    label: n % 2 ? 'walking' : 'sitting',
    annotator: 'anna',
    annotatedAt: 1_800_000_000_000 + n,
    arm: n % 4 ? 'unsure' : 'random',
    predicted: 'walking',
    confidence: 0.9,
    modelName: 'watch',
    modelVersion: '1.0.0',
    featureSchemaHash: 'abc',
    features: [Math.fround(n / 3), -n, 0],
    ...changes,
  }
}

describe('the feature store', () => {
  let directory: string
  let store: ObjectStore
  let log: MemoryLog
  const avro = avroSerdes(localRegistry())
  const value = avro.value(topics.annotations, Annotation)
  const warnings: string[] = []

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'feature-store-'))
    store = fileStore(directory)
    log = memoryLog()
    warnings.splice(0)
    await avro.register()
    await log.admin.createTopics(topicSpecs(2))
  })
  afterEach(async () => {
    await log.close()
    await rm(directory, { recursive: true })
  })

  const open = async (over: ObjectStore = store): Promise<FeatureStoreWriter> => {
    const writer = new FeatureStoreWriter({
      store: over,
      avro,
      log,
      clientId: 'feature-store',
      timers: systemTimers,
      logger: { warn: (text: unknown) => void warnings.push(String(text)) },
    })
    await writer.start()
    return writer
  }
  const storeAll = async (over?: ObjectStore): Promise<void> => {
    const writer = await open(over)
    await writer.drained()
    await writer.stop()
  }
  const say = async (...said: readonly Annotation[]): Promise<void> => {
    const producer = await log.producer({ clientId: 'test' })
    await producer.init()
    await producer.send(
      said.map(each => ({
        topic: topics.annotations,
        partition: Number(each.deviceId.slice(1)) % 2,
        key: Buffer.from(each.deviceId),
        value: value.serialize(each),
        timestamp: each.annotatedAt,
      })),
    )
    await producer.close()
  }
  const stored = async (): Promise<string[]> => {
    const rows = []
    for await (const { partition, offset } of storedAnnotations(store)) rows.push(`${partition} ${offset}`)
    return rows.sort()
  }
  const places = (...counts: number[]): string[] =>
    counts.flatMap((count, partition) => Array.from({ length: count }, (_, i) => `${partition} ${i}`)).sort()

  it('keeps annotations with features and lineage, by feature schema and day of the window', async () => {
    const said = [0, 1, 2, 3, 4, 5].map(n => annotation(n))
    said.push(annotation(6, { featureSchemaHash: 'other' }))
    await say(...said)
    await storeAll()
    expect((await readdir(join(directory, 'data'))).sort()).toEqual(['features=abc', 'features=other'])
    expect((await readdir(join(directory, 'data/features=abc'))).sort()).toEqual([
      'day=2026-01-01',
      'day=2026-01-02',
    ])
    const samples = await labelledSamples(store, 'abc')
    expect(samples.map(({ logId: _, partition: __, offset: ___, ...sample }) => sample)).toEqual(
      said
        .slice(0, 6)
        .map(({ confidence: _, ...learned }) => learned)
        .sort((a, b) => (a.deviceId < b.deviceId ? -1 : a.deviceId > b.deviceId ? 1 : 0)),
    )
    expect(samples[0]?.logId).toBe((await log.admin.describeTopic(topics.annotations))?.identity)
  })

  it('has of each window the annotation made last, and none that was withdrawn or not recognised', async () => {
    await say(annotation(0), annotation(3), annotation(6), annotation(9))
    const later = 1_900_000_000_000
    await storeAll()
    await say(
      annotation(0, { label: 'walking', annotatedAt: later, annotator: 'bert' }),
      annotation(0, { label: 'jogging', annotatedAt: later - 1 }),
      annotation(3, { verdict: 'withdrawn', label: null, annotatedAt: later }),
      annotation(6, { verdict: 'cannotTell', label: null, annotatedAt: later }),
      annotation(9, { verdict: 'withdrawn', label: null, annotatedAt: later }),
      annotation(9, { label: 'standing', annotatedAt: later }),
    )
    await storeAll()
    expect((await labelledSamples(store, 'abc')).map(({ label, annotator }) => [label, annotator])).toEqual([
      ['walking', 'bert'],
      ['standing', 'anna'],
    ])
  })

  it('writes each annotation once, whatever a crash leaves behind and however many write', async () => {
    await say(...Array.from({ length: 30 }, (_, n) => annotation(n)))
    // Dies after the data, before the commit.
    const dying: ObjectStore = {
      ...store,
      url: store.url,
      put: async (key, body, options) => {
        if (key.startsWith('commits/')) throw new Error('cut')
        await store.put(key, body, options)
      },
    }
    await storeAll(dying)
    expect(warnings).toEqual(['annotations cannot be stored: cut'])
    expect(await stored()).toEqual([])

    const [a, b] = [await open(), await open()]
    const more = Array.from({ length: 9 }, (_, n) => annotation(30 + n))
    for (const each of more) {
      await say(each)
      await Promise.all([a.flush(), b.flush()])
    }
    await Promise.all([a.drained(), b.drained()])
    await Promise.all([a.stop(), b.stop()])
    // Devices w0 and w2 are in partition 0, w1 in 1.
    expect(await stored()).toEqual(places(26, 13))
    expect(a.status().rows + b.status().rows).toBe(39)
    const after = await open()
    await after.drained()
    await after.stop()
    expect(after.status().rows).toBe(0)
    expect(await stored()).toEqual(places(26, 13))
  })
})
