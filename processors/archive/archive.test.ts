import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LakeError } from '../../lake/errors.ts'
import { fileStore } from '../../lake/file-store.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { avroSerdes, localRegistry, SensorReading } from '../../schemas/index.ts'
import { systemTimers } from '../../topology/index.ts'
import { type MemoryLog, memoryLog } from '../../topology/log/memory/memory-log.ts'
import { type Archive, startArchive } from './archive.ts'
import { archivedOffsets, archivedRows, offsetsToArchive, readingOf } from './testing/archived.ts'

const TOPIC = 'readings'
const SIZE = 20
const START = Date.UTC(2026, 0, 1, 23, 59)

const avro = avroSerdes(localRegistry())
const value = avro.value(TOPIC, SensorReading)
function reading(n: number): SensorReading {
  return readingOf({ deviceId: `w${n % 3}`, stamp: START + n * 2000, pitch: n / 7, batteryState: 'full' })
}

let directory: string
let store: ObjectStore
let log: MemoryLog
let archives: Archive[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'archive-'))
  store = fileStore(directory)
  log = memoryLog()
  archives = []
  await avro.register()
  await log.admin.createTopics([{ topic: TOPIC, partitions: 2 }])
})
afterEach(async () => {
  for (const archive of archives) await archive.close()
  await log.close()
  await rm(directory, { recursive: true })
})

function start(over: ObjectStore = store, offsetsPerFile = SIZE): Archive {
  const archive = startArchive({
    log,
    topic: TOPIC,
    group: 'archive',
    clientId: `archive-${archives.length}`,
    store: over,
    decode: bytes => value.deserialize(bytes),
    timers: { ...systemTimers, after: (ms, work) => systemTimers.after(ms / 20, work) },
    logger: { info: () => {}, warn: () => {} },
    offsetsPerFile,
  })
  archives.push(archive)
  return archive
}

/** Numbered readings to a partition; every tenth transaction is aborted, so that offsets have gaps. */
async function produce(partition: number, from: number, to: number): Promise<void> {
  const producer = await log.producer({ clientId: 'p', transactionalId: `p${partition}` })
  await producer.init()
  for (let n = from; n < to; n += 3) {
    producer.begin()
    const numbers = [n, n + 1, n + 2].filter(each => each < to)
    await producer.send(
      numbers.map(each => ({
        topic: TOPIC,
        partition,
        key: Buffer.from(`w${each % 3}`),
        value: value.serialize(reading(each)),
        timestamp: START + each * 2000,
      })),
    )
    await ((n / 3) % 10 === 9 ? producer.abort() : producer.commit())
  }
  await producer.close()
}

const expected = (partition: number) => offsetsToArchive(log, TOPIC, partition, SIZE)
const archived = () => archivedRows(store)
const offsetsOf = (partition: number) => archivedOffsets(store, partition)

test('every record is in the file of its offsets, once, by the hour of the file’s first record', async () => {
  await produce(0, 0, 90)
  await produce(1, 0, 45)
  const archive = start()
  await archive.drained()
  for (const partition of [0, 1]) expect(await offsetsOf(partition)).toEqual(await expected(partition))
  expect((await offsetsOf(0)).length).toBeGreaterThan(60)

  const files = await archived()
  for (const [key, rows] of files) {
    const hour = new Date(rows[0]?.timestamp as Date).toISOString()
    expect(key).toContain(`data/date=${hour.slice(0, 10)}/hour=${hour.slice(11, 13)}/`)
  }
  expect(new Set([...files.keys()].map(key => key.slice(0, 28))).size).toBe(2)
  const [first] = files.values()
  expect(first?.[0]).toMatchObject({ offset: 0n, pitch: 0, yaw: null, stamp: new Date(START), raw: null })
  expect(archive.status()).toMatchObject({ files: files.size, lag: 0, target: store.url })
})

test('what is not a full file waits; it does not depend on when the archive looked', async () => {
  await produce(0, 0, 30)
  const archive = start()
  await archive.drained()
  await produce(0, 30, 33)
  await archive.drained()
  await produce(0, 33, 90)
  await archive.drained()
  const before = new Map(await archived())
  await rm(directory, { recursive: true })
  await archive.close()
  await log.admin.deleteGroup('archive')
  await start().drained()
  expect(new Map(await archived())).toEqual(before)
})

test('a record without a value, and one that cannot be read, are there too', async () => {
  const producer = await log.producer({ clientId: 'p' })
  await producer.init()
  const record = (value: Buffer | null) => ({
    topic: TOPIC,
    partition: 0,
    key: Buffer.from('w1'),
    value,
    timestamp: START,
  })
  await producer.send([record(null), record(Buffer.from('no avro')), record(value.serialize(reading(1)))])
  await producer.close()
  await produce(0, 0, 30)
  await start().drained()
  const [rows] = (await archived()).values()
  expect(rows?.slice(0, 2)).toEqual([
    expect.objectContaining({ offset: 0n, device_id: expect.anything(), stamp: null, raw: null }),
    expect.objectContaining({ offset: 1n, stamp: null, raw: new Uint8Array(Buffer.from('no avro')) }),
  ])
})

/** A store that fails after so many writes, before or after it has written: what a crash leaves. */
function failing(after: number, once: boolean): ObjectStore {
  let left = after
  return {
    ...store,
    async put(key, body, options) {
      if (left-- === 0) {
        if (once) await store.put(key, body, options)
        throw new LakeError('AWS_UNREACHABLE', 'the connection was cut')
      }
      await store.put(key, body, options)
    },
  }
}

test.each([true, false])('cut at any write (written all the same: %s), it is written once', async written => {
  await produce(0, 0, 90)
  let cuts = 0
  for (let done = false; !done; ) {
    const archive = start(failing(cuts === 0 ? 0 : 1 + (cuts % 3), written))
    const drained = archive.drained().then(
      () => true,
      () => false,
    )
    await Promise.race([
      drained,
      vi.waitUntil(() => archive.status().paused !== undefined, { timeout: 60_000 }),
    ])
    if (archive.status().paused !== undefined) cuts++
    archives.pop()
    await archive.close()
    done = await drained
  }
  expect(cuts).toBeGreaterThan(3)
  expect(await offsetsOf(0)).toEqual(await expected(0))
})

test('a file begun before the log forgot its first records is not written under another hour as well', async () => {
  await produce(0, 0, 90)
  // Entered, not written: the process was killed in between.
  const crashed = start(failing(2, false))
  await vi.waitUntil(() => crashed.status().paused !== undefined, { timeout: 20_000 })
  archives.pop()
  await crashed.close()
  await log.admin.deleteRecords([{ topic: TOPIC, partition: 0, position: 10 }])
  await start().drained()
  const first = [...(await archived()).keys()].filter(key => key.endsWith(`${'0'.repeat(16)}.parquet`))
  expect(first).toEqual([expect.stringContaining('date=2026-01-01/hour=23/')])
  expect(await offsetsOf(0)).toEqual(await expected(0))
})

test('two archives divide the partitions, and write each file once', async () => {
  const two = [start(), start()]
  await produce(0, 0, 90)
  await produce(1, 0, 90)
  await two[0]?.drained()
  for (const partition of [0, 1]) expect(await offsetsOf(partition)).toEqual(await expected(partition))
  const files = two.reduce((sum, archive) => sum + archive.status().files, 0)
  expect(files).toBe((await archived()).size)
})

test('files of another size are not mixed in: it waits, and says why', async () => {
  await produce(0, 0, 90)
  await start().drained()
  const before = new Map(await archived())
  await archives.pop()?.close()
  await log.admin.deleteGroup('archive')
  const other = start(store, 30)
  await vi.waitUntil(() => other.status().paused !== undefined, { timeout: 20_000 })
  expect(other.status().paused).toBe(`files in ${store.url} are of 20 offsets, not of 30`)
  expect(new Map(await archived())).toEqual(before)
})
