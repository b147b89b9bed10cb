import { expect, it } from 'vitest'
import { long, partitionOf, RecordCursor, string, TopologyBuilder } from './index.ts'
import { TopologyTestDriver } from './testing/test-driver.ts'
import { windowedSerde } from './windowed-serde.ts'
import { session, sliding, tumbling, unlimited } from './windows.ts'

const [start, end] = ['0000000000000102', '000000000000010c']
const key = { key: 'k', start: 0x102, end: 0x10c }

it("writes Kafka's bytes: the key and the start, or the key, the end and the start of a session", () => {
  const forms = [
    [tumbling({ size: 10, grace: 0 }), `6b${start}`],
    [sliding({ difference: 10, grace: 0 }), `6b${start}`],
    [session({ gap: 10, grace: 0 }), `6b${end}${start}`],
  ] as const
  for (const [windows, hex] of forms) {
    const serde = windowedSerde(string, windows)
    expect(serde.serialize(key).toString('hex')).toBe(hex)
    expect(serde.deserialize(Buffer.from(hex, 'hex'))).toEqual(key)
  }
  const endless = windowedSerde(string, unlimited({ start: 0x102 }))
  expect(endless.serialize(key).toString('hex')).toBe(`6b${start}`)
  expect(endless.deserialize(Buffer.from(`6b${start}`, 'hex')).end).toBe(Number.POSITIVE_INFINITY)
})

it('refuses bytes that are too short for a windowed key', () => {
  expect(() => windowedSerde(string, tumbling({ size: 10, grace: 0 })).deserialize(Buffer.alloc(7))).toThrow(
    /at least 8 bytes, not 7/,
  )
})

it('tells windows of other sizes apart', () => {
  const names = [tumbling({ size: 10, grace: 0 }), tumbling({ size: 20, grace: 0 })].map(
    windows => windowedSerde(string, windows).name,
  )
  expect(new Set(names).size).toBe(2)
})

it('goes with the table: it can be written, repartitioned and regrouped without naming a serde', async () => {
  const windows = tumbling({ size: 10, grace: 0 })
  const builder = new TopologyBuilder()
  const counts = builder
    .stream('in', { key: string, value: long })
    .groupByKey()
    .window('counts', windows)
    .count()
  counts.toStream().repartition('again').to('windows')
  counts
    .groupBy((count, window) => [window.key, count], { key: string, value: long })
    .count('keys')
    .toStream()
    .to('keys')
  const driver = await TopologyTestDriver.start(builder.build())
  for (const timestamp of [1, 2, 11]) await driver.pipe('in', { key: 'a', value: 1, timestamp })
  expect(await driver.read('windows', { key: windowedSerde(string, windows), value: long })).toMatchObject([
    { key: { key: 'a', start: 0, end: 10 }, value: 1 },
    { key: { key: 'a', start: 0, end: 10 }, value: 2 },
    { key: { key: 'a', start: 10, end: 20 }, value: 1 },
  ])
  await driver.close()
})

it.each([
  ['time windows', tumbling({ size: 10, grace: 0 })],
  ['sessions', session({ gap: 5, grace: 0 })],
])('keeps all windows of a key in the partition of the key: %s', async (_, windows) => {
  const builder = new TopologyBuilder()
  builder
    .stream('in', { key: string, value: long })
    .groupByKey()
    .window('counts', windows)
    .count()
    .toStream()
    .repartition('again')
    .to('windows')
  const partitions = 5
  const driver = await TopologyTestDriver.start(builder.build(), { partitions })
  const keys = ['a', 'b', 'c', 'd']
  for (let timestamp = 0; timestamp < 200; timestamp += 20)
    for (const key of keys) await driver.pipe('in', { key, value: 1, timestamp })
  await driver.commit()
  const reader = await driver.log.reader({ clientId: 'test' })
  const serde = windowedSerde(string, windows)
  const found = new Map<string, Set<number>>()
  for (const topic of ['windows', 'test-again-repartition']) {
    for (let partition = 0; partition < partitions; partition++) {
      reader.seek({ topic, partition }, 0)
      for (const batch of await reader.poll(0)) {
        const cursor = new RecordCursor()
        cursor.reset(batch, 0)
        while (cursor.next()) {
          const { key } = serde.deserialize(cursor.key!)
          found.set(key, (found.get(key) ?? new Set()).add(batch.partition))
        }
      }
    }
  }
  expect([...found].sort()).toEqual(
    keys.map(key => [key, new Set([partitionOf(Buffer.from(key), partitions)])]),
  )
  await driver.close()
})
