import { createPrivateKey, createPublicKey } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AvroSerdes, avroSerdes, localRegistry, ModelRelease } from '../../schemas/index.ts'
import { type MemoryLog, memoryLog } from '../../topology/log/memory/memory-log.ts'
import { systemTimers } from '../../topology/timers.ts'
import type { ApplicationErrorCode } from '../errors.ts'
import { topicSpecs, topics } from '../topics.ts'
import { loadClassifier } from './classifier.ts'
import { publishRelease } from './publish.ts'
import type { UnpublishedRelease } from './release.ts'
import { ModelServing } from './serving.ts'
import { newKeyPair, releaseDigest, signRelease } from './signature.ts'
import { ANYONE, release, SCHEMA, vector } from './testing/releases.ts'

const PATIENCE = 60_000

let log: MemoryLog
let avro: AvroSerdes
let warnings: string[]
let servings: ModelServing[]
let clock: number

beforeEach(async () => {
  log = memoryLog()
  avro = avroSerdes(localRegistry())
  warnings = []
  servings = []
  clock = 1_700_000_000_000
  await log.admin.createTopics(topicSpecs(1))
})

afterEach(async () => {
  for (const serving of servings) await serving.close()
  await log.close()
})

function publish(unpublished: UnpublishedRelease, status: 'candidate' | 'promoted'): Promise<ModelRelease> {
  return publishRelease(
    { release: unpublished, status },
    {
      log,
      avro,
      schema: SCHEMA,
      trusted: ANYONE,
      clientId: 'publisher',
      timers: { now: () => clock++ },
    },
  )
}

/** Publishes without verifying. */
async function send(value: Buffer): Promise<void> {
  const producer = await log.producer({ clientId: 'bad' })
  await producer.init()
  await producer.send([{ topic: topics.models, partition: 0, key: null, value, timestamp: clock++ }])
  await producer.close()
}

async function sendUnverified(
  unpublished: UnpublishedRelease,
  status: ModelRelease['status'] = 'promoted',
): Promise<void> {
  const value = avro.value(topics.models, ModelRelease)
  await avro.register()
  await send(value.serialize({ ...unpublished, status, publishedAt: clock++, reason: null }))
}

function follow(trusted = ANYONE): ModelServing {
  const logger = { info: () => {}, warn: (...all: unknown[]) => void warnings.push(String(all.at(-1))) }
  const options = {
    log,
    avro,
    name: 'watch',
    trusted,
    schema: SCHEMA,
    clientId: 'serving',
    timers: systemTimers,
    logger,
  }
  const serving = new ModelServing(options)
  serving.start()
  servings.push(serving)
  return serving
}

/** Resolves when the condition holds, which is looked at after every change. */
async function until(serving: ModelServing, condition: () => boolean): Promise<void> {
  if (condition()) return
  await new Promise<void>((resolve, reject) => {
    const deadline = setTimeout(
      () => reject(new Error(`not within ${PATIENCE} ms; warnings: ${warnings}`)),
      PATIENCE,
    )
    const end = serving.onChange(() => {
      if (!condition()) return
      clearTimeout(deadline)
      end()
      resolve()
    })
  })
}

function raised(code: ApplicationErrorCode): object {
  return expect.objectContaining({ code })
}

test('the newest promoted release is in force; a candidate is not', async () => {
  await publish(await release('1.0.0'), 'promoted')
  await publish(await release('1.1.0'), 'promoted')
  await publish(await release('1.2.0'), 'candidate')
  const serving = follow()
  await serving.whenReady(PATIENCE)
  await until(serving, () => serving.releases().known.length === 3)
  expect(serving.inForce()).toEqual({ name: 'watch', version: '1.1.0' })
  expect(serving.releases().known.map(({ version, status }) => [version, status])).toEqual([
    ['1.2.0', 'candidate'],
    ['1.1.0', 'promoted'],
    ['1.0.0', 'promoted'],
  ])
  expect(serving.labels('1.2.0')).toEqual(['sit', 'stand', 'walk', 'run'])
})

test('a release promoted later takes over, and an older one promoted again is a rollback', async () => {
  await publish(await release('1.0.0'), 'promoted')
  const serving = follow()
  await serving.whenReady(PATIENCE)
  const inForce = (version: string) => until(serving, () => serving.inForce().version === version)
  await publish(await release('1.1.0'), 'promoted')
  await inForce('1.1.0')
  await publish(await release('1.0.0'), 'promoted')
  await inForce('1.0.0')
  await publish(await release('1.1.0'), 'promoted')
  await inForce('1.1.0')
})

test('each version scores as itself, whichever is in force', async () => {
  await publish(await release('1.0.0'), 'promoted')
  await publish(await release('1.1.0'), 'promoted')
  const serving = follow()
  await serving.whenReady(PATIENCE)
  const score = async (version: string) => (await serving.get(version)).score([vector(1)])
  const [older, newer] = [await score('1.0.0'), await score('1.1.0')]
  expect(older).not.toEqual(newer)
  expect(await score('1.0.0')).toEqual(older)
  await expect(serving.get('9.9.9')).rejects.toThrow(raised('MODEL_UNKNOWN'))
})

test('a bad release is refused, counted and reported, and the old one serves on', async () => {
  await publish(await release('1.0.0'), 'promoted')
  const serving = follow()
  await serving.whenReady(PATIENCE)
  await sendUnverified(await release('1.1.0', { sha256: '0'.repeat(64) }))
  await sendUnverified(await release('1.2.0', { featureSchemaHash: 'f'.repeat(16) }))
  await send(Buffer.from('{"not":"avro"}'))
  await sendUnverified({ ...(await release('1.0.0')), ...(await modelOf('7.7.7')) })
  await sendUnverified(await release('1.0.0', { minimumMargin: 0.3 }))
  await until(serving, () => serving.releases().refusals === 5)

  expect(serving.inForce().version).toBe('1.0.0')
  expect((await serving.get('1.0.0')).release.version).toBe('1.0.0')
  const { refused } = serving.releases()
  expect(refused.map(({ code }) => code).sort()).toEqual([
    'MODEL_DAMAGED',
    'MODEL_FEATURES_FOREIGN',
    'MODEL_VERSION_TAKEN',
    'MODEL_VERSION_TAKEN',
    'WIRE_MAGIC',
  ])
  expect(warnings).toHaveLength(5)
  await expect(serving.get('1.1.0')).rejects.toThrow(raised('MODEL_DAMAGED'))

  await publish(await release('1.3.0'), 'promoted')
  await until(serving, () => serving.inForce().version === '1.3.0')
})

test.each<[string, Parameters<typeof release>[1], ApplicationErrorCode]>([
  [
    'of fewer outputs than labels',
    { labels: ['sit', 'stand', 'walk', 'run', 'jump'] },
    'MODEL_INTERFACE_WRONG',
  ],
  ['with a label twice', { labels: ['sit', 'sit', 'walk', 'run'] }, 'MODEL_FILE_INVALID'],
  ['of another width', { shape: { width: 11 } }, 'MODEL_INTERFACE_WRONG'],
  ['that answers otherwise', { probeProbabilities: [0.97, 0.01, 0.01, 0.01] }, 'MODEL_ANSWER_WRONG'],
  ['that is slow', { shape: { ballast: 2500 } }, 'MODEL_TOO_SLOW'],
  ['that is nowhere', { onnx: null, location: 'file:///nowhere/model.onnx' }, 'MODEL_LOCATION_EMPTY'],
])('a model %s is refused, and the old one serves on', async (_what, changes, code) => {
  await publish(await release('1.0.0'), 'promoted')
  const serving = follow()
  await serving.whenReady(PATIENCE)
  const scores = await (await serving.get('1.0.0')).score([vector(1)])
  await sendUnverified(await release('1.1.0', changes))
  await until(serving, () => serving.releases().refusals === 1)
  expect(serving.releases().refused).toMatchObject([{ name: 'watch', version: '1.1.0', code }])
  expect(serving.inForce().version).toBe('1.0.0')
  expect(await (await serving.get('1.0.0')).score([vector(1)])).toEqual(scores)
})

test('with a key configured, only what it signed serves, and what is shipped; without one, a warning says so', async () => {
  const pair = newKeyPair()
  const sign = (release: UnpublishedRelease): UnpublishedRelease => ({
    ...release,
    signature: signRelease(release, createPrivateKey(pair.privateKey)),
  })
  const shipped = await release('1.0.0')
  const keys = [createPublicKey(pair.publicKey)]
  await publish(shipped, 'promoted')
  const strict = follow({ keys, shipped: new Set([releaseDigest(shipped)]) })
  await strict.whenReady(PATIENCE)
  const unsigned = await release('1.1.0')
  await sendUnverified(unsigned)
  await sendUnverified({ ...sign(await release('1.2.0')), minimumConfidence: 0 })
  await until(strict, () => strict.releases().refusals === 2)
  expect(strict.releases().refused.map(({ code }) => code)).toEqual([
    'MODEL_UNSIGNED',
    'MODEL_SIGNATURE_WRONG',
  ])
  expect(strict.inForce().version).toBe('1.0.0')
  await expect(strict.get('1.1.0')).rejects.toThrow(raised('MODEL_UNKNOWN'))
  // What was refused did not take the version away from the one that is signed.
  await publish(sign(await release('1.1.0')), 'promoted')
  await until(strict, () => strict.inForce().version === '1.1.0')
  expect(strict.releases().known.map(({ version, trust }) => [version, trust])).toEqual([
    ['1.1.0', 'signed'],
    ['1.0.0', 'shipped'],
  ])
  expect(strict.releases().warnings).toEqual([])

  const open = follow()
  await open.whenReady(PATIENCE)
  expect(open.releases().warnings).toEqual([expect.stringContaining('No key is configured')])
  expect(open.releases().known.every(({ trust }) => trust === 'unverified')).toBe(true)
})

test('a large model is taken from its location, scored in a thread of its own, and answers as it does here', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'large-'))
  try {
    const whole = await release('2.0.0', { shape: { trees: 6000 } })
    expect(whole.size).toBeGreaterThan(1_000_000)
    const path = join(directory, 'large.onnx')
    await writeFile(path, whole.onnx!)
    await publish({ ...whole, onnx: null, location: pathToFileURL(path).href }, 'promoted')
    const serving = follow()
    await serving.whenReady(PATIENCE)
    const vectors = Array.from({ length: 70 }, (_, i) => vector(i))
    const apart = await (await serving.get('2.0.0')).score(vectors)
    const event: ModelRelease = { ...whole, status: 'candidate', publishedAt: 0, reason: null }
    const here = await loadClassifier(event, SCHEMA, { apart: false })
    expect(apart).toEqual(await here.score(vectors))
    await here.close()

    // Changed in its place it is another model, and no longer the one released.
    const changed = Buffer.from(whole.onnx!)
    changed.writeUInt8(changed.readUInt8(5000) ^ 1, 5000)
    await writeFile(path, changed)
    const later = follow()
    await until(later, () => later.releases().refusals === 1)
    expect(later.releases().refused).toMatchObject([{ code: 'MODEL_DAMAGED' }])
  } finally {
    await rm(directory, { recursive: true })
  }
})

test('at the start, too: the newest that can serve', async () => {
  await publish(await release('1.0.0'), 'promoted')
  await sendUnverified(await release('1.1.0', { size: 1 }))
  const serving = follow()
  await serving.whenReady(PATIENCE)
  expect(serving.inForce().version).toBe('1.0.0')
  expect(serving.releases().refusals).toBe(1)
})

test('a release retired gives way to the one promoted before it; the last one serves on', async () => {
  const [older, newer] = [await release('1.0.0'), await release('1.1.0')]
  await publish(older, 'promoted')
  await publish(newer, 'promoted')
  const serving = follow()
  await serving.whenReady(PATIENCE)
  await sendUnverified(newer, 'retired')
  await until(serving, () => serving.inForce().version === '1.0.0')
  await sendUnverified(older, 'retired')
  await until(serving, () => serving.releases().known.every(({ status }) => status === 'retired'))
  expect(serving.inForce().version).toBe('1.0.0')
})

test("another model's releases are not ours", async () => {
  await publish(await release('1.0.0', { name: 'phone' }), 'promoted')
  const serving = follow()
  await publish(await release('0.1.0'), 'promoted')
  await serving.whenReady(PATIENCE)
  expect(serving.releases().known.map(({ name }) => name)).toEqual(['watch'])
})

test('many releases: only a few are loaded, and all can be asked for, again and again', async () => {
  const versions = Array.from({ length: 8 }, (_, i) => `1.${i}.0`)
  for (const version of versions) await publish(await release(version), 'promoted')
  const serving = follow()
  await serving.whenReady(PATIENCE)
  const first = await serving.get('1.0.0')
  const inForce = await serving.get('1.7.0')
  const answers = []
  for (const version of [...versions, ...versions])
    answers.push(await (await serving.get(version)).score([vector(1)]))
  expect(answers.slice(8)).toEqual(answers.slice(0, 8))
  expect(new Set(answers.map(answer => JSON.stringify(answer))).size).toBe(8)
  await expect(first.score([vector(1)])).rejects.toThrow(raised('MODEL_CLOSED'))
  expect(await serving.get('1.7.0')).toBe(inForce)
})

test('without a release: says so, and takes the first that comes', async () => {
  const serving = follow()
  expect(() => serving.inForce()).toThrow(raised('MODEL_NONE_IN_FORCE'))
  await expect(serving.whenReady(50)).rejects.toThrow(raised('MODEL_NONE_IN_FORCE'))
  await publish(await release('1.0.0'), 'promoted')
  await serving.whenReady(PATIENCE)
})

test('what is not verified is not published', async () => {
  await expect(publish(await release('1.0.0', { size: 1 }), 'promoted')).rejects.toThrow(
    raised('MODEL_DAMAGED'),
  )
  const [offsets] = await log.admin.offsets(topics.models)
  expect(offsets?.end).toBe(0)
})

test('an event says when it was published, under the key name@version', async () => {
  const event = await publish(await release('1.0.0'), 'candidate')
  expect(event).toMatchObject({ status: 'candidate', publishedAt: 1_700_000_000_000, location: null })
  const reader = await log.reader({ clientId: 'test' })
  reader.seek({ topic: topics.models, partition: 0 }, 0)
  const [batch] = await reader.poll(1000)
  expect(batch?.bytes.includes('watch@1.0.0')).toBe(true)
  expect(batch?.maxTimestamp).toBe(1_700_000_000_000)
  await reader.close()
})

async function modelOf(
  version: string,
): Promise<Pick<UnpublishedRelease, 'onnx' | 'sha256' | 'size' | 'probeProbabilities'>> {
  const { onnx, sha256, size, probeProbabilities } = await release(version)
  return { onnx, sha256, size, probeProbabilities }
}
