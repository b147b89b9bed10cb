import { expect, suite, test } from 'vitest'
import { type Graph, type ProducerRecord, replayTask, string, TopologyBuilder } from './index.ts'
import { mulberry32 } from './testing/mulberry32.ts'
import { TopologyTestDriver } from './testing/test-driver.ts'

const serdes = { key: string, value: string }
const values = { key: string, value: string }

/** Counts by key, and says by which of the versions offered; some records fail, for ever or for the time being. */
function counting(offer: () => string, fails: (value: string | null) => boolean): Graph {
  const builder = new TopologyBuilder()
  builder
    .stream('in', serdes)
    .mapValues(value => {
      if (fails(value)) throw new Error(`no ${value}`)
      return value
    })
    .groupByKey()
    .count('counts')
    .toStream()
    .mapBatch('score', async (counts, { recorded }) => counts.map(count => `${count} by ${recorded}`), {
      maxBatch: 3,
      recorded: { name: 'version', value: string, offer, prepare: async () => {} },
    })
    .to('out', serdes)
  return builder.build()
}

/** An application that has run: records in batches, commits at random, another version every other commit. */
async function ran(seed: number, partitions: number, fails: (value: string | null) => boolean = () => false) {
  const random = mulberry32(seed)
  let commits = 0
  const driver = await TopologyTestDriver.start(
    counting(() => `v${Math.floor(commits++ / 2)}`, fails),
    { commitEvery: 4, seed, partitions, onFailure: { process: () => 'deadLetter' } },
  )
  const producer = await driver.log.producer({ clientId: 'test' })
  await producer.init()
  for (let sent = 0; sent < 60; ) {
    const batch = Array.from({ length: 1 + Math.floor(random() * 9) }, (): ProducerRecord => {
      const value = Buffer.from(random() < 0.1 ? 'bad' : 'good')
      const key = Buffer.from(`k${Math.floor(random() * 5)}`)
      return { topic: 'in', partition: sent % partitions, key, value, timestamp: ++sent }
    })
    await producer.send(batch)
    await driver.advanceWallClock(0)
    if (random() < 0.1) await driver.restart()
  }
  await driver.commit()
  await producer.close()
  return driver
}

async function replayed(
  driver: TopologyTestDriver,
  partition: number,
  graph: Graph,
  more: { until?: number; decide?: (name: string) => unknown } = {},
) {
  let out: string[] = []
  const task = await replayTask({
    log: driver.log,
    topology: graph,
    applicationId: 'test',
    clientId: 'replay',
    partition,
    until: Number.POSITIVE_INFINITY,
    onBegin: () => {
      out = []
    },
    onOutputs: async records => {
      for (const { topic, key, value, timestamp } of records)
        if (topic === 'out') out.push(`${key} ${value} ${timestamp}`)
    },
    ...more,
  })
  return { ...task, out }
}

async function written(driver: TopologyTestDriver): Promise<string[]> {
  const records = await driver.read('out', values)
  return records.map(({ key, value, timestamp }) => `${key} ${value} ${timestamp}`)
}

const never = () => false
const bad = (value: string | null) => value === 'bad'
const unasked = (): string => {
  throw new Error('a replay asks for nothing new')
}

suite('a task replayed', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('puts out what was put out, bit by bit (seed %i)', async seed => {
    const driver = await ran(seed, 1)
    const expected = await written(driver)
    expect(new Set(expected.map(text => text.split(' ')[3])).size).toBeGreaterThan(3)
    const before = await driver.log.admin.offsets('test-version-changelog')
    expect((await replayed(driver, 0, counting(unasked, never))).out).toEqual(expected)
    expect(await driver.log.admin.offsets('test-version-changelog')).toEqual(before)
    await driver.close()
  })

  test('each of several by itself', async () => {
    const driver = await ran(11, 3)
    const all = await Promise.all(
      [0, 1, 2].map(partition => replayed(driver, partition, counting(unasked, never))),
    )
    const out = all.flatMap(each => each.out)
    expect(out.sort()).toEqual((await written(driver)).sort())
    expect(all.reduce((sum, { records }) => sum + records, 0)).toBe(60 + (await overshoot(driver)))
    await driver.close()
  })

  test.each([21, 22, 23])(
    'passes over what was given up, whether it fails again or not (seed %i)',
    async seed => {
      const driver = await ran(seed, 1, bad)
      const expected = await written(driver)
      for (const fails of [bad, never])
        expect((await replayed(driver, 0, counting(unasked, fails))).out).toEqual(expected)
      await driver.close()
    },
  )

  test('what fails only now is passed over too, and begins anew', async () => {
    const driver = await ran(31, 1)
    const { out } = await replayed(driver, 0, counting(unasked, bad))
    expect(out.length).toBeLessThan((await written(driver)).length)
    expect(out.length).toBeGreaterThan(20)
    await driver.close()
  })

  test('by another decision: the same counts by one version', async () => {
    const driver = await ran(41, 1)
    const { out } = await replayed(driver, 0, counting(unasked, never), { decide: () => 'v99' })
    expect(out).toEqual((await written(driver)).map(text => text.replace(/by v\d+/, 'by v99')))
    await driver.close()
  })

  test('ends where it is told to, within a batch too', async () => {
    const driver = await ran(51, 1)
    const expected = await written(driver)
    for (const until of [1, 7, 30]) {
      const { out, records } = await replayed(driver, 0, counting(unasked, never), { until })
      expect([records, out]).toEqual([until, expected.slice(0, until)])
    }
    await driver.close()
  })

  test('says what it lacks when the beginning of the input is gone', async () => {
    const driver = await ran(61, 1)
    await driver.log.admin.deleteRecords([{ topic: 'in', partition: 0, position: 10 }])
    expect(await replayed(driver, 0, counting(unasked, never))).toMatchObject({ from: 10, recordedFrom: 0 })
    await driver.close()
  })

  test('refuses what it cannot do', async () => {
    const driver = await TopologyTestDriver.start(
      counting(() => 'v1', never),
      { applicationId: 'other' },
    )
    await expect(replayed(driver, 0, counting(unasked, never))).rejects.toThrow(
      expect.objectContaining({ code: 'REPLAY_NOTHING_RECORDED' }),
    )
    const two = new TopologyBuilder()
    two.stream('in', serdes).merge(two.stream('in-2', serdes)).to('out', serdes)
    await expect(replayed(driver, 0, two.build())).rejects.toThrow(
      expect.objectContaining({ code: 'REPLAY_UNSUPPORTED' }),
    )
    await driver.close()
  })
})

/** Records that the last batches of `ran` went beyond sixty. */
async function overshoot(driver: TopologyTestDriver): Promise<number> {
  const offsets = await driver.log.admin.offsets('in')
  return offsets.reduce((sum, { end }) => sum + end, 0) - 60
}
