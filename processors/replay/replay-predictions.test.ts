import pino from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { avroSerdes, localRegistry, SensorReading } from '../../schemas/index.ts'
import { memoryBackend } from '../../state/index.ts'
import { lagOf, memoryLog, plan, systemTimers } from '../../topology/index.ts'
import type { MemoryLog } from '../../topology/log/memory/memory-log.ts'
import { activityNode, servedTopology } from '../activity-node.ts'
import { featureSchema } from '../features/schema.ts'
import { generate } from '../generator/generate.ts'
import { shippedProfile } from '../generator/profile.ts'
import { ingest } from '../ingest.ts'
import { modelSwitches } from '../models/model-switches.ts'
import { publishRelease } from '../models/publish.ts'
import { shippedReleases } from '../models/shipped.ts'
import { trustedSources } from '../models/trusted-sources.ts'
import type { RecordingEvent } from '../recordings/event.ts'
import { defaultPolicy } from '../routing/routing.ts'
import { applicationId, topicSpecs, topics } from '../topics.ts'
import type { Difference } from './comparison.ts'
import { replayPredictions } from './replay-predictions.ts'

const PARTITIONS = 3
const START = Date.UTC(2026, 0, 5, 8)
const [old, better] = await shippedReleases('watch')
const trusted = await trustedSources([])
const routing = { ...defaultPolicy, requestsPerHour: 60, randomShare: 0.05 }

let log: MemoryLog
beforeEach(() => {
  log = memoryLog()
})
afterEach(() => log.close())

/** Serdes of another process: nothing but the log is shared. */
const common = () => ({
  log,
  avro: avroSerdes(localRegistry()),
  trusted,
  routing,
  timers: systemTimers,
  logger: pino({ level: 'silent' }),
})

/** Runs the application while `work` writes its input. */
async function running<A>(clientId: string, work: (caughtUp: () => Promise<void>) => Promise<A>): Promise<A> {
  const options = { ...common(), clientId, model: 'watch' }
  const { serving, topology } = await servedTopology(options)
  await options.avro.register()
  serving.start()
  await serving.whenReady(60_000)
  const node = activityNode({ ...options, state: memoryBackend(), guarantee: 'exactly_once' }, topology, {})
  await node.start()
  const ran = node.run()
  const caughtUp = async (): Promise<void> => {
    const lag = async () => await lagOf(log, plan(topology, applicationId))
    await expect
      .poll(async () => (await lag()).every(({ end, position }) => position === end), { timeout: 60_000 })
      .toBe(true)
  }
  try {
    return await work(caughtUp)
  } finally {
    await node.close()
    await ran
    await serving.close()
  }
}

async function* events(
  chunks: readonly (readonly RecordingEvent[])[],
): AsyncGenerator<readonly RecordingEvent[]> {
  yield* chunks
}

/** Readings of two minutes; releases change while they are processed, and the node is another one half-way. */
async function history(): Promise<void> {
  await log.admin.createTopics(topicSpecs(PARTITIONS))
  const avro = avroSerdes(localRegistry())
  const value = avro.value(topics.readings, SensorReading)
  await avro.register()
  const profile = await shippedProfile('watch')
  const chunks = [...generate({ profile, devices: 9, seed: 3, start: START, duration: 120_000 })]
  const write = (some: readonly (readonly RecordingEvent[])[]) =>
    ingest({
      log,
      events: events(some),
      value,
      counts: { readings: 0, malformed: 0, ended: 0 },
      signal: new AbortController().signal,
      now: Date.now,
    })
  const promote = (release: typeof old) =>
    publishRelease(
      { release: release!, status: 'promoted' },
      { ...common(), schema: featureSchema, clientId: 'publisher' },
    )
  await promote(old)
  const third = Math.ceil(chunks.length / 3)
  await running('first', async caughtUp => {
    await write(chunks.slice(0, third))
    await promote(better)
    await write(chunks.slice(third, third + 2))
    await caughtUp()
  })
  await running('second', async caughtUp => {
    for (let at = third + 2; at < chunks.length; at += 2) {
      await promote(at % 4 === 0 ? old : better)
      await write(chunks.slice(at, at + 2))
    }
    // One from the future, and one that is none.
    const reading = chunks.flat().find(event => event.kind === 'reading')
    const stamp = Date.now() + 10 * 86_400_000
    if (reading?.kind === 'reading') {
      await write([[{ ...reading, reading: { ...reading.reading, stamp } }]])
      const producer = await log.producer({ clientId: 'bad' })
      await producer.init()
      const record = { topic: topics.readings, partition: 1, key: null, timestamp: START }
      await producer.send([{ ...record, value: Buffer.from('no reading') }])
      await producer.close()
    }
    await caughtUp()
  })
}

const replay = (more: Partial<Parameters<typeof replayPredictions>[0]> = {}) =>
  replayPredictions({ ...common(), clientId: 'replay', ...more })

test('as recorded, every prediction is the same bit by bit, whichever releases there were and however often', async () => {
  await history()
  const switches = await modelSwitches({ log, applicationId, clientId: 'test' })
  expect(switches.length).toBeGreaterThan(PARTITIONS)
  const ends = async () => {
    const names = await log.admin.listTopics()
    return await Promise.all(names.map(async name => [name, await log.admin.offsets(name)]))
  }
  const before = await ends()
  const report = await replay()
  const recorded = (await log.admin.offsets(topics.predictions)).reduce((sum, { end }) => sum + end, 0)
  expect(report.predictions).toBeGreaterThan(300)
  expect(report).toMatchObject({ identical: report.predictions, different: 0, missing: 0, added: 0 })
  expect(report).toMatchObject({ agreement: 1, confidenceChange: 0, incomplete: [] })
  expect(report.predictions).toBeLessThanOrEqual(recorded)
  expect(Object.keys(report.byVersion)).toEqual(['1.0.0', '2.0.0'])
  expect(Math.min(...Object.values(report.byVersion))).toBeGreaterThan(20)
  expect(await ends()).toEqual(before)
})

test('by another release it is a backtest, and what it changes is told; by other routing, too', async () => {
  await history()
  const differences: Difference[] = []
  const backtest = await replay({
    release: { name: 'watch', version: '2.0.0' },
    onDifference: difference => differences.push(difference),
  })
  expect(backtest).toMatchObject({ release: 'watch@2.0.0', missing: 0, added: 0 })
  expect(backtest.byVersion).toEqual({ '2.0.0': backtest.predictions })
  expect(backtest.different).toBe(differences.length)
  expect(differences.every(({ replayed }) => replayed.modelVersion === '2.0.0')).toBe(true)
  // What that release had predicted is as it was, but for what the budget of the hour left.
  const own = differences.filter(({ recorded }) => recorded.modelVersion === '2.0.0')
  expect(own.every(({ recorded, replayed }) => recorded.label === replayed.label)).toBe(true)
  const relabelled = differences.filter(({ recorded, replayed }) => recorded.label !== replayed.label)
  expect(backtest.labelChanges.reduce((sum, { windows }) => sum + windows, 0)).toBe(relabelled.length)
  expect(relabelled.length).toBeGreaterThan(0)
  expect(backtest.agreement).toBeCloseTo(1 - relabelled.length / backtest.predictions, 12)

  const other = await replay({ routing: { ...routing, randomShare: 0.5 } })
  expect(other).toMatchObject({ agreement: 1, missing: 0, added: 0 })
  expect(other.routeChanges).toBeGreaterThan(0)
  await expect(replay({ release: { name: 'watch', version: '9.9.9' } })).rejects.toThrow(
    expect.objectContaining({ code: 'MODEL_UNKNOWN' }),
  )
})
