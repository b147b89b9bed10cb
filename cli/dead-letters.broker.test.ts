/**
 * From end to end on a real broker: records that cannot be processed are given up, found by the command line, and processed
 * once they can be: a schema is registered late, a program that refused too much is corrected.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deadLetterDesk, valueDecoder } from '../processors/dead-letter-desk.ts'
import { applicationId, topics } from '../processors/topics.ts'
import { avroSerdes, localRegistry, SensorReading } from '../schemas/index.ts'
import { startService } from '../service/server.ts'
import { movingSource } from '../service/testing/moving-source.ts'
import { noAnnotations } from '../service/testing/no-annotations.ts'
import { noReleases } from '../service/testing/no-releases.ts'
import { memoryBackend } from '../state/index.ts'
import { tickerwatch } from '../test/tickerwatch.ts'
import { type Log, long, RecordCursor, StreamsNode, string, TopologyBuilder } from '../topology/index.ts'
import { brokerUnavailable } from '../topology/log/kafka/broker/distribution.ts'
import { startTemporaryBroker, type TemporaryBroker } from '../topology/log/kafka/broker/temporary-broker.ts'
import { kafkaLog } from '../topology/log/kafka/kafka-log.ts'
import { writeNodeFile } from './node-file.ts'

const reason = brokerUnavailable()
const token = 'a token of this test'

/** Counts the readings of a device, of those that a program takes. */
function counting(registry = localRegistry(), accepts = (_: SensorReading): boolean => true) {
  const avro = avroSerdes(registry)
  const value = avro.value(topics.readings, SensorReading)
  const builder = new TopologyBuilder()
  builder
    .stream(topics.readings, {
      key: string,
      value,
      timestamp: reading => reading?.stamp ?? 0,
      validate: reading => (accepts(reading) ? undefined : `a course of ${reading.course} is refused`),
    })
    .groupByKey()
    .count('counts')
    .toStream()
    .to('counted', { value: long })
  return { topology: builder.build(), avro, value }
}

const reading = (over: Partial<SensorReading>): SensorReading => ({
  deviceId: 'watch-1',
  stamp: 1_600_000_000_000,
  yaw: 0,
  pitch: 0,
  roll: 0,
  rotationRateX: 0,
  rotationRateY: 0,
  rotationRateZ: 0,
  userAccelerationX: 0,
  userAccelerationY: 0,
  userAccelerationZ: 0,
  latitudeDistanceFromMean: 0,
  longitudeDistanceFromMean: 0,
  altitudeDistanceFromMean: 0,
  course: 0,
  speed: 0,
  horizontalAccuracy: 0,
  verticalAccuracy: 0,
  locationType: null,
  batteryState: null,
  userActivityLabel: null,
  ...over,
})

describe.skipIf(reason !== undefined)(`dead letters on kafka ${reason ?? ''}`, () => {
  let broker: TemporaryBroker
  let log: Log
  let state: string

  beforeAll(async () => {
    state = await mkdtemp(join(tmpdir(), 'tickerwatch-letters-'))
    broker = await startTemporaryBroker()
    log = await kafkaLog({ brokers: [broker.brokers], clientId: 'letters-test' })
  })

  afterAll(async () => {
    await log?.close()
    await broker?.stop()
    await rm(state, { recursive: true, force: true })
  })

  /** Runs a program until it has worked off its input. */
  async function runToEnd(made: ReturnType<typeof counting>): Promise<void> {
    await made.avro.register()
    const node = new StreamsNode({
      topology: made.topology,
      applicationId,
      log,
      state: memoryBackend(),
    })
    await node.start()
    const running = node.run()
    running.catch(() => {})
    const done = async () => (await node.lag()).every(({ end, position }) => position === end)
    await expect.poll(done, { timeout: 60_000 }).toBe(true)
    await node.close()
    await running
  }

  async function counts(): Promise<number[]> {
    const [{ end } = { end: 0 }] = await log.admin.offsets('counted')
    const reader = await log.reader({ clientId: 'reader' })
    reader.seek({ topic: 'counted', partition: 0 }, 0)
    const cursor = new RecordCursor()
    const found: number[] = []
    for (let position = 0; position < end; ) {
      for (const batch of await reader.poll(500)) {
        cursor.reset(batch, position)
        while (cursor.next()) found.push(long.deserialize(cursor.value!))
        position = batch.lastOffset + 1
      }
    }
    await reader.close()
    return found
  }

  const command = (...words: string[]) => tickerwatch('dead-letters', ...words, '--brokers', broker.brokers)
  const asJson = async (...words: string[]) => {
    const { code, stdout, stderr } = await command(...words, '--json')
    expect([code, stderr]).toEqual([0, []])
    return JSON.parse(stdout.join('\n'))
  }

  test('are listed, shown, replayed once, and processed by a program that can', async () => {
    await log.admin.createTopics([
      { topic: topics.readings, partitions: 1 },
      { topic: 'counted', partitions: 1 },
    ])
    const registry = localRegistry()
    const strict = counting(registry, ({ course }) => (course ?? 0) >= 0)
    await strict.avro.register()
    const good = strict.value.serialize(reading({}))
    // Of a schema that the registry is told of later.
    const newer = { ...SensorReading.schema, doc: 'of another version' }
    const early = Buffer.from(good)
    early.writeUInt32BE(await localRegistry().register(`${topics.readings}-value`, newer), 1)
    const written = [
      good,
      Buffer.from('poison'),
      early,
      strict.value.serialize(reading({ course: -1 })),
      strict.value.serialize(reading({ course: Number.NaN })),
      good,
    ]
    const producer = await log.producer({ clientId: 'producer' })
    await producer.init()
    await producer.send(
      written.map(value => ({
        topic: topics.readings,
        partition: 0,
        key: Buffer.from('watch-1'),
        value,
        timestamp: 1_600_000_000_000,
      })),
    )
    await producer.close()
    await runToEnd(strict)
    expect(await counts()).toEqual([1, 2])

    const list = await asJson('list')
    expect(list.counts).toEqual([
      { topic: topics.readings, code: 'RECORD_UNDECODABLE', letters: 2, replayed: 0 },
      { topic: topics.readings, code: 'RECORD_INVALID', letters: 2, replayed: 0 },
    ])
    const newestFirst = [4, 3, 2, 1]
    expect(list.letters.map((letter: { offset: number }) => letter.offset)).toEqual(newestFirst)
    const idOf = (offset: number): string =>
      String(list.letters.find((letter: { offset: number }) => letter.offset === offset).id)
    expect(
      (await asJson('list', '--code', 'RECORD_INVALID', '--since', '1h', '--limit', '1')).letters,
    ).toEqual([expect.objectContaining({ offset: 4, message: 'a course of NaN is refused' })])
    expect((await asJson('list', '--since', '2999-01-01')).counts).toEqual([])
    const { stdout: inWords } = await command('list')
    expect(inWords[0]).toMatch(/^2 +RECORD_UNDECODABLE +ticker-watch-data$/)
    expect(inWords.at(-1)).toMatch(
      new RegExp(`^${idOf(1)} .* RECORD_UNDECODABLE +ticker-watch-data/0 at 1 +.+`),
    )

    const invalid = await asJson('show', idOf(4))
    expect(invalid).toMatchObject({ stage: 'decode', decoded: { deviceId: 'watch-1', course: 'NaN' } })
    const { stdout: poison } = await command('show', idOf(1))
    expect(poison.slice(-2)).toEqual(['value', 'poison'])
    const { stdout: unread } = await command('show', idOf(2))
    expect(unread).toContainEqual(expect.stringMatching(/^00000000 {2}00 [0-9a-f]{2} /))
    expect(await command('show', '999')).toMatchObject({
      code: 1,
      stderr: ['LETTER_UNKNOWN: there is no dead letter 999', expect.any(String)],
    })

    // What is corrected: the schema is known, and a course may be negative. Neither helps the other two.
    await registry.register(`${topics.readings}-value`, newer)
    expect((await command('replay', '--all', '--dry-run')).stdout).toEqual(['would replay 4 letters'])
    expect(await command('replay')).toMatchObject({ code: 2, stdout: [] })
    expect(await counts()).toEqual([1, 2])
    expect((await command('replay', idOf(2), idOf(3))).stdout).toEqual(['replayed 2 letters'])
    expect((await command('replay', '--code', 'RECORD_INVALID')).stdout).toEqual([
      'replayed 1 letter',
      'left alone 1 letter replayed before',
    ])
    expect((await command('replay', '--code', 'RECORD_INVALID')).stdout).toEqual([
      'replayed 0 letters',
      'left alone 2 letters replayed before',
    ])
    await runToEnd(counting(registry, ({ course }) => !Number.isNaN(course)))
    expect(await counts()).toEqual([1, 2, 3, 4])
    expect((await asJson('list')).counts).toEqual([
      { topic: topics.readings, code: 'RECORD_INVALID', letters: 3, replayed: 2 },
      { topic: topics.readings, code: 'RECORD_UNDECODABLE', letters: 2, replayed: 1 },
    ])
  })

  test('are the same through the routes of a running node', async () => {
    const avro = avroSerdes(localRegistry())
    const decode = valueDecoder(avro)
    await avro.register()
    const service = await startService({
      port: 0,
      source: movingSource(Date.now),
      releases: noReleases,
      deadLetters: deadLetterDesk({ log, applicationId, clientId: 'node', decode, now: Date.now }),
      annotations: noAnnotations,
      token,
      logger: { error: () => {} },
    })
    try {
      await writeNodeFile(state, { url: service.url, token, annotatorToken: token, pid: process.pid })
      const ask = async (...words: string[]) =>
        JSON.parse(
          (await tickerwatch('dead-letters', ...words, '--state', state, '--json')).stdout.join('\n'),
        )
      const filter = ['--code', 'RECORD_INVALID', '--topic', topics.readings]
      expect(await ask('list', ...filter)).toEqual(await asJson('list', ...filter))
      const [newest] = (await asJson('list')).letters
      expect(await ask('show', String(newest.id))).toEqual(await asJson('show', String(newest.id)))
      expect(await ask('replay', String(newest.id), '--dry-run')).toMatchObject({ dryRun: true, replayed: 1 })
      expect(await ask('replay', String(newest.id))).toMatchObject({ replayed: 1 })
      expect(await ask('replay', String(newest.id))).toMatchObject({ replayed: 0, replayedBefore: 1 })
      expect(await tickerwatch('dead-letters', 'show', '999', '--state', state)).toMatchObject({
        code: 1,
        stderr: [expect.stringMatching(/LETTER_UNKNOWN/), expect.any(String)],
      })
    } finally {
      await service.close()
    }
  })

  test('of an application that never ran here say so', async () => {
    const { code, stderr } = await command('list', '--application-id', 'nobody')
    expect([code, stderr[0]]).toEqual([
      1,
      'LOG_UNKNOWN_TOPIC: there is no topic nobody-dead-letters: the application nobody never ran here',
    ])
  })
})
