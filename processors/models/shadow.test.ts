import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AvroSerdes, avroSerdes, localRegistry, ShadowPrediction } from '../../schemas/index.ts'
import { type Log, memoryLog, systemTimers, TickerError, type Timers } from '../../topology/index.ts'
import { topicValues } from '../topic-values.ts'
import { topicSpecs, topics } from '../topics.ts'
import { writeEvents } from './publish.ts'
import type { UnpublishedRelease } from './release.ts'
import { ModelServing } from './serving.ts'
import { type ServedWindow, Shadow, type ShadowOptions } from './shadow.ts'
import { ANYONE, release, SCHEMA, vector } from './testing/releases.ts'

const PARTITIONS = 2
const closing: (() => Promise<void>)[] = []
let log: Log
let avro: AvroSerdes
let warnings: string[]

beforeEach(async () => {
  log = memoryLog()
  avro = avroSerdes(localRegistry())
  warnings = []
  await log.admin.createTopics(topicSpecs(PARTITIONS))
  closing.push(() => log.close())
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const logger = { info: () => {}, warn: (...all: unknown[]) => void warnings.push(String(all.at(-1))) }

function publish(unpublished: UnpublishedRelease, status: 'promoted' | 'shadow' | 'candidate') {
  const options = { log, avro, schema: SCHEMA, trusted: ANYONE, clientId: 'publisher', timers: systemTimers }
  return writeEvents([{ release: unpublished, status }], options)
}

/** One release serves, another one is in its shadow. */
async function shadowed(changes: Parameters<typeof release>[1] = {}, options: Partial<ShadowOptions> = {}) {
  const common = { log, avro, name: 'watch', schema: SCHEMA, clientId: 'node', timers: systemTimers, logger }
  const serving = new ModelServing({ ...common, trusted: ANYONE })
  const shadow = new Shadow({ ...common, serving, ...options })
  closing.push(
    () => serving.close(),
    () => shadow.close(),
  )
  await publish(await release('1.0.0'), 'promoted')
  await publish(await release('1.1.0', changes), 'shadow')
  serving.start()
  await serving.whenReady(60_000)
  return { serving, shadow }
}

const until = (condition: () => boolean) => expect.poll(condition, { timeout: 60_000 }).toBe(true)
const scoring = (shadow: Shadow) => until(() => shadow.status()?.state === 'scoring')

/** So many windows, as the release in force scores them. */
async function served(serving: ModelServing, count: number): Promise<ServedWindow[]> {
  const vectors = Array.from({ length: count }, (_, i) => vector(i))
  const scores = await (await serving.get('1.0.0')).score(vectors)
  return scores.map(({ label, confidence }, i) => ({
    deviceId: `w${i % 7}`,
    windowStart: 2500 * i,
    windowEnd: 2500 * i + 5000,
    features: vectors[i]!,
    release: { version: '1.0.0' },
    label,
    confidence,
  }))
}

async function written(): Promise<ShadowPrediction[]> {
  const value = avro.value(topics.shadowPredictions, ShadowPrediction)
  const all: ShadowPrediction[] = []
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const place = { log, topic: topics.shadowPredictions, partition, value, clientId: 'test' }
    for await (const prediction of topicValues(place)) all.push(prediction)
  }
  return all.sort((a, b) => a.windowStart - b.windowStart)
}

test('it says of every window what it would say, on a topic of its own, beside what was served', async () => {
  const { serving, shadow } = await shadowed()
  await scoring(shadow)
  const windows = await served(serving, 300)
  for (let at = 0; at < windows.length; at += 50) shadow.offer(windows.slice(at, at + 50))
  await until(() => shadow.status()?.scored === 300)
  const own = await (await serving.get('1.1.0')).score(windows.map(({ features }) => features))
  const predictions = await written()
  expect(predictions.map(({ label, confidence }) => [label, confidence])).toEqual(
    own.map(({ label, confidence }) => [label, confidence]),
  )
  expect(predictions.map(each => [each.servingVersion, each.servingLabel, each.modelVersion])).toEqual(
    windows.map(({ label }) => ['1.0.0', label, '1.1.0']),
  )
  const agreed = own.filter(({ label }, i) => label === windows[i]!.label).length
  expect(agreed).toBeGreaterThan(0)
  expect(agreed).toBeLessThan(300)
  expect(shadow.status()).toEqual({
    name: 'watch',
    version: '1.1.0',
    state: 'scoring',
    scored: 300,
    agreed,
    backlog: 0,
    dropped: 0,
    failed: 0,
  })
})

test('what is more than it can take is left out and counted, at once', async () => {
  const { serving, shadow } = await shadowed({}, { backlog: 20 })
  await scoring(shadow)
  const windows = await served(serving, 50)
  shadow.offer(windows.slice(0, 15))
  shadow.offer(windows.slice(15))
  expect(shadow.status()).toMatchObject({ backlog: 20, dropped: 30, scored: 0 })
  await until(() => shadow.status()?.scored === 20)
  expect(await written()).toHaveLength(20)
})

test('one that does not answer is given up', async () => {
  const patience = 4321
  const timers: Timers = {
    ...systemTimers,
    after: (delay, callback) => systemTimers.after(delay === patience ? 0 : delay, callback),
  }
  // Its time is over before the thread could answer.
  const { serving, shadow } = await shadowed({ shape: { trees: 6000 } }, { patience, timers })
  await scoring(shadow)
  shadow.offer(await served(serving, 256))
  await until(() => shadow.status()?.state === 'failed')
  expect(shadow.status()).toMatchObject({
    failed: 256,
    scored: 0,
    failure: expect.stringContaining('given up'),
  })
  shadow.offer(await served(serving, 10))
  expect(shadow.status()?.backlog).toBe(0)
  expect(serving.inForce().version).toBe('1.0.0')
})

test('a log that takes nothing costs the windows of a batch, and no more', async () => {
  let refusing = true
  const failing: Log = {
    ...log,
    admin: log.admin,
    producer: async options => {
      const producer = await log.producer(options)
      return {
        init: () => producer.init(),
        send: records =>
          refusing ? Promise.reject(new TickerError('LOG_FAILED', 'no room')) : producer.send(records),
        begin: () => producer.begin(),
        sendOffsets: (group, offsets) => producer.sendOffsets(group, offsets),
        commit: () => producer.commit(),
        abort: () => producer.abort(),
        close: () => producer.close(),
      }
    },
  }
  const { serving, shadow } = await shadowed({}, { log: failing })
  await scoring(shadow)
  shadow.offer(await served(serving, 30))
  await until(() => shadow.status()?.failed === 30)
  refusing = false
  shadow.offer(await served(serving, 40))
  await until(() => shadow.status()?.scored === 40)
  expect(shadow.status()).toMatchObject({
    state: 'scoring',
    failed: 30,
    failure: expect.stringContaining('no room'),
  })
  expect(warnings).toEqual([expect.stringContaining('lost 30 windows')])
})

test('one that is not fit is refused and counted, and serving goes on', async () => {
  const { serving, shadow } = await shadowed({ probeProbabilities: [0.97, 0.01, 0.01, 0.01] })
  await until(() => shadow.status()?.state === 'failed')
  expect(serving.releases().refused).toMatchObject([{ version: '1.1.0', code: 'MODEL_ANSWER_WRONG' }])
  shadow.offer(await served(serving, 5))
  expect(shadow.status()).toMatchObject({ scored: 0, backlog: 0 })
  expect(serving.inForce().version).toBe('1.0.0')
})

test('it ends when the release is promoted, or another one is chosen', async () => {
  const { serving, shadow } = await shadowed()
  await scoring(shadow)
  await publish(await release('1.2.0'), 'shadow')
  await until(() => shadow.status()?.version === '1.2.0')
  await scoring(shadow)
  shadow.offer(await served(serving, 3))
  await until(() => shadow.status()?.scored === 3)
  // The one before is still marked, and takes its place again when the newer one is none any more.
  await publish(await release('1.1.0'), 'candidate')
  await publish(await release('1.2.0'), 'promoted')
  await until(() => serving.inForce().version === '1.2.0')
  expect(shadow.status()).toBeUndefined()
  expect((await written()).map(({ modelVersion }) => modelVersion)).toEqual(['1.2.0', '1.2.0', '1.2.0'])
})
