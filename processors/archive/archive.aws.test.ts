/** The archive in S3, and as a table of Glue, on moto. */
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { LakeError } from '../../lake/errors.ts'
import { type Catalog, glueCatalog } from '../../lake/glue/catalog.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { openStore } from '../../lake/open-store.ts'
import { s3Client } from '../../lake/s3-store.ts'
import { awsAt } from '../../lake/testing/aws-environment.ts'
import { motoUnavailable, type RunningMoto, startMoto } from '../../lake/testing/moto.ts'
import { SensorReading } from '../../schemas/index.ts'
import { systemTimers } from '../../topology/index.ts'
import { type MemoryLog, memoryLog } from '../../topology/log/memory/memory-log.ts'
import { type Archive, type ArchiveOptions, startArchive } from './archive.ts'
import { registerArchive } from './archive-table.ts'
import { archivedOffsets, archivedRows, offsetsToArchive, readingOf } from './testing/archived.ts'

const unavailable = motoUnavailable()
const TOPIC = 'readings'
const SIZE = 100
const START = Date.UTC(2026, 0, 1, 22)
/** The archive's pauses are of no interest here. */
const timers = {
  ...systemTimers,
  after: (ms: number, work: () => void) => systemTimers.after(ms / 50, work),
}

describe.skipIf(unavailable !== undefined)(`the archive in S3 ${unavailable ?? ''}`, () => {
  let moto: RunningMoto
  let log: MemoryLog
  let store: ObjectStore
  let place: string
  let archives: Archive[]
  let tests = 0
  beforeAll(async () => {
    moto = await startMoto()
    awsAt(moto.url)
    const client = s3Client()
    await client.send(new CreateBucketCommand({ Bucket: 'lake' }))
    client.destroy()
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await moto?.stop()
  })
  beforeEach(async () => {
    place = `s3://lake/${++tests}`
    store = await openStore(place)
    archives = []
    log = memoryLog()
    await log.admin.createTopics([{ topic: TOPIC, partitions: 1 }])
  })
  afterEach(async () => {
    for (const archive of archives) await archive.close()
    await log.close()
    await store.close()
  })

  async function produce(from: number, to: number): Promise<void> {
    const producer = await log.producer({ clientId: 'p' })
    await producer.init()
    await producer.send(
      Array.from({ length: to - from }, (_, i) => {
        const stamp = START + (from + i) * 20_000
        const value = Buffer.from(SensorReading.encode(readingOf({ deviceId: 'w1', stamp })))
        return { topic: TOPIC, partition: 0, key: null, value, timestamp: stamp }
      }),
    )
    await producer.close()
  }

  function start(over: Partial<ArchiveOptions> = {}): Archive {
    const archive = startArchive({
      log,
      topic: TOPIC,
      group: `archive-${archives.length}`,
      clientId: `archive-${archives.length}`,
      store,
      decode: value => SensorReading.decode(value),
      timers,
      logger: { info: () => {}, warn: () => {} },
      offsetsPerFile: SIZE,
      ...over,
    })
    archives.push(archive)
    return archive
  }

  test('of writers that know nothing of each other one writes each file, and the others find it and go on', async () => {
    await produce(0, 20 * SIZE)
    // Every writer believes that it has all partitions, as after a rebalance that it has not heard of.
    let refused = 0
    const counting: ObjectStore = {
      ...store,
      put: (key, body, options) =>
        store.put(key, body, options).catch(error => {
          if (error instanceof LakeError && error.code === 'OBJECT_EXISTS') refused++
          throw error
        }),
    }
    const rivals = [start({ store: counting }), start({ store: counting }), start({ store: counting })]
    await Promise.all(rivals.map(rival => rival.drained()))
    expect((await archivedRows(store)).size).toBe(20)
    expect(await archivedOffsets(store, 0)).toEqual(await offsetsToArchive(log, TOPIC, 0, SIZE))
    expect(rivals.reduce((sum, rival) => sum + rival.status().files, 0)).toBe(20)
    expect(refused).toBeGreaterThan(0)
    expect(rivals.map(rival => rival.status().paused)).toEqual([undefined, undefined, undefined])
  })

  async function hours(catalog: Catalog): Promise<string[]> {
    const found: string[] = []
    for await (const { values } of catalog.partitions('archive')) found.push(values.join(' '))
    return found.sort()
  }

  test('its hours are partitions of a table in Glue, also those written while Glue was away', async () => {
    const catalog = glueCatalog(`archive_${tests}`)
    let isAway = false
    const warnings: string[] = []
    const logger = { info: () => {}, warn: (text: unknown) => void warnings.push(String(text)) }
    const flaky: Catalog = {
      ...catalog,
      prepare: () =>
        isAway ? Promise.reject(new LakeError('AWS_ACCESS_DENIED', 'Glue says no')) : catalog.prepare(),
    }
    const data = await openStore(`${place}/data`)
    const table = registerArchive({ catalog: flaky, store: data, timers, logger })
    const archive = start({ onFile: key => table.written(key) })
    await produce(0, 4 * SIZE)
    await archive.drained()
    await vi.waitUntil(async () => (await catalog.table('archive')) !== undefined, { timeout: 20_000 })
    await vi.waitUntil(async () => (await hours(catalog)).length === 2, { timeout: 20_000 })
    expect(await hours(catalog)).toEqual(['2026-01-01 22', '2026-01-01 23'])
    expect((await catalog.table('archive'))?.columns).toContainEqual({ name: 'stamp', type: 'timestamp' })

    isAway = true
    await produce(4 * SIZE, 8 * SIZE)
    await archive.drained()
    await vi.waitUntil(() => warnings.length > 0, { timeout: 20_000 })
    expect(archive.status().paused).toBeUndefined()
    expect((await archivedRows(store)).size).toBe(8)
    expect(warnings).toEqual(['hours of the archive wait to be registered in Glue: Glue says no'])
    isAway = false
    const all = ['2026-01-01 22', '2026-01-01 23', '2026-01-02 00', '2026-01-02 01']
    await vi.waitUntil(async () => (await hours(catalog)).length === all.length, { timeout: 20_000 })
    expect(await hours(catalog)).toEqual(all)
    await table.close()
    await data.close()
    catalog.close()
  })

  test('a process that was killed before it registered an hour is made up for by the next one', async () => {
    const catalog = glueCatalog(`archive_${tests}`)
    await produce(0, 4 * SIZE)
    await start().drained()
    const data = await openStore(`${place}/data`)
    const logger = { info: () => {}, warn: () => {} }
    const table = registerArchive({ catalog, store: data, timers, logger })
    await table.close()
    expect(await hours(catalog)).toEqual(['2026-01-01 22', '2026-01-01 23'])
    await data.close()
    catalog.close()
  })
})
