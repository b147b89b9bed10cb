/** Recorded people, a release that guesses, and what annotators said: through the learner in Python. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fileStore } from '../../lake/file-store.ts'
import { Annotation, avroSerdes, localRegistry } from '../../schemas/index.ts'
import { memoryLog, systemTimers } from '../../topology/index.ts'
import { FeatureStoreWriter } from '../feature-store/feature-store.ts'
import { featureSchema } from '../features/schema.ts'
import { guessing } from '../models/testing/guessing.ts'
import { release } from '../models/testing/releases.ts'
import { topicSpecs, topics } from '../topics.ts'
import { type LabelledWindow, labelledWindows } from './labelled-windows.ts'
import { type RetrainOptions, retrain } from './retrain.ts'

const recordings = new URL('../../../shared/data/motionsense-10hz/', import.meta.url)
const python = process.env.PYSPARK_PYTHON ?? 'python3'
const reason = !existsSync(recordings)
  ? 'no ../shared/data'
  : spawnSync(python, ['-c', 'import onnxmltools, xgboost']).status !== 0
    ? `no ${python} with xgboost`
    : undefined

describe.skipIf(reason)(`retraining${reason ? ` (${reason})` : ''}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'retrain-test-'))
  const store = fileStore(join(directory, 'store'))
  const labels = ['Downstairs', 'Jog', 'Sit', 'Stand', 'Upstairs', 'Walk']
  const progress: string[] = []
  let people: string[]
  let unseen: string[]
  let options: Omit<RetrainOptions, 'serving' | 'version'>

  beforeAll(async () => {
    const files = readdirSync(recordings)
    const parts = { base: files.slice(0, 4), unseen: files.slice(4, 8), annotated: files.slice(8, 9) }
    const names = (files: readonly string[]) => files.map(file => file.replace(/\.csv\.gz$/, ''))
    people = names([...parts.base, ...parts.annotated])
    unseen = names(parts.unseen)
    for (const [part, own] of Object.entries(parts)) {
      mkdirSync(join(directory, part))
      for (const file of own)
        copyFileSync(fileURLToPath(new URL(file, recordings)), join(directory, part, file))
    }
    options = {
      recordings: join(directory, 'base'),
      unseen: join(directory, 'unseen'),
      store,
      margin: 0,
      seed: 1,
      python,
      now: () => 0,
      onProgress: line => void progress.push(line),
    }
    await say(await labelledWindows(join(directory, 'annotated')))
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  /** People said of every window what the recording does; of each tenth because it was drawn at random. */
  async function say(windows: readonly LabelledWindow[]): Promise<void> {
    const log = memoryLog()
    const avro = avroSerdes(localRegistry())
    const value = avro.value(topics.annotations, Annotation)
    await avro.register()
    await log.admin.createTopics(topicSpecs(1))
    const producer = await log.producer({ clientId: 'test' })
    await producer.init()
    await producer.send(
      windows.map(({ deviceId, start, label, features }, i) => ({
        topic: topics.annotations,
        partition: 0,
        key: Buffer.from(deviceId),
        timestamp: i,
        value: value.serialize({
          deviceId,
          windowStart: start,
          windowEnd: start + 5000,
          verdict: 'labelled',
          label,
          annotator: 'anna',
          annotatedAt: 1_800_000_000_000 + i,
          arm: i % 10 === 0 ? 'random' : 'unsure',
          predicted: 'Sit',
          confidence: 0.9,
          modelName: 'pocket',
          modelVersion: '0.1.0',
          featureSchemaHash: featureSchema.hash,
          features: [...features],
        }),
      })),
    )
    const writer = new FeatureStoreWriter({
      log,
      avro,
      store,
      clientId: 'test',
      timers: systemTimers,
      logger: { warn: () => {} },
    })
    await writer.start()
    await writer.drained()
    await writer.stop()
    await producer.close()
    await log.close()
  }

  it('promotes what has learned over what guesses, and not the same thing over itself', async () => {
    const model = await guessing('pocket', '0.1.0', labels)
    const first = await retrain({ ...options, serving: model, version: '0.2.0' })
    expect(first.report).toMatchObject({ candidate: 'pocket@0.2.0', serving: 'pocket@0.1.0', objections: [] })
    expect(first.report.unseen).toMatchObject({ people: 4, servingMayKnow: false })
    expect(progress).toContainEqual(expect.stringMatching(/fold 1 of 4: accuracy 0\.[89]/))
    expect(first.report.unseen.candidate).toBeGreaterThan(0.8)
    expect(first.report.unseen.lowerBound).toBeGreaterThan(0.3)
    expect(first.report.trained.annotated).toBeGreaterThan(300)
    expect(first.report.leftOut.random).toBe(first.report.randomArm.windows)
    expect(first.report.randomArm.candidate).toBeGreaterThan(first.report.randomArm.serving!)
    expect(first.candidate.lineage).toMatchObject({
      parent: 'pocket@0.1.0',
      people: people.join(' '),
    })

    const again = await retrain({ ...options, serving: first.candidate, version: '0.3.0' })
    expect(again.candidate.sha256).toBe(first.candidate.sha256)
    expect(again.report.unseen.difference).toBe(0)
    expect(again.report.objections).toEqual([expect.stringContaining('is not above 0')])

    const elsewhere = { ...options, recordings: undefined, serving: model, version: '0.2.0' }
    const given = await retrain({ ...elsewhere, candidate: first.candidate })
    expect(given.candidate).toBe(first.candidate)
    expect(given.report).toEqual({ ...first.report, trained: { recorded: 0, annotated: 0 } })
    const knowing = { ...first.candidate, lineage: { people: `somebody ${unseen[0]}` } }
    expect((await retrain({ ...elsewhere, candidate: knowing })).report.objections).toEqual([
      'it was trained on some of the people that it was compared on',
    ])
  })

  it('says why the learner could not learn', async () => {
    const serving = await release('0.1.0', { name: 'pocket', labels, featureSchemaHash: featureSchema.hash })
    await expect(
      retrain({ ...options, python: 'no-such-python', serving, version: '1.0.0' }),
    ).rejects.toThrow('the learner failed')
  })
})
