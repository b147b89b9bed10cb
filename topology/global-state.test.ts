import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../state/index.ts'
import { json, memoryLog, StreamsNode, string, TickerError, TopologyBuilder } from './index.ts'
import { partitionOf } from './partitioner.ts'
import { TopologyTestDriver } from './testing/test-driver.ts'

const text = { key: string, value: string }

function topologyOf() {
  const builder = new TopologyBuilder()
  const names = builder.globalTable('names', { ...text, store: 'names' })
  builder
    .stream('in', text)
    .leftJoin('named', names, (value, name) => `${value}+${name}`, { tableKey: value => value })
    .to('out', text)
  return builder.build()
}

describe('a global table', () => {
  it('is held completely, whatever the partitions, and followed', async () => {
    const driver = await TopologyTestDriver.start(topologyOf(), { partitions: 3 })
    const keys = ['a', 'b', 'c', 'd', 'e', 'f']
    expect(new Set(keys.map(key => partitionOf(Buffer.from(key), 3))).size).toBeGreaterThan(1)
    for (const key of keys) await driver.pipe('names', { key, value: `name of ${key}`, timestamp: 9 })
    for (const value of keys) await driver.pipe('in', { key: 'one key', value, timestamp: 1 })
    const found = (await driver.read('out', text)).map(record => record.value)
    expect(found).toEqual(keys.map(key => `${key}+name of ${key}`))
    await driver.pipe('names', { key: 'a', value: null, timestamp: 1 })
    await driver.pipe('names', { key: null, value: 'nobody', timestamp: 1 })
    await driver.pipe('in', { key: null, value: 'a', timestamp: 2 })
    expect((await driver.read('out', text)).map(({ key, value }) => [key, value])).toEqual([[null, 'a+null']])
    await driver.close()
  })

  it('is complete before the first record is processed, and followed by a node that runs by itself', async () => {
    const log = memoryLog()
    const topics = ['names', 'in', 'out'].map(topic => ({ topic, partitions: 1 }))
    await log.admin.createTopics(topics)
    const producer = await log.producer({ clientId: 'test' })
    await producer.init()
    const write = (topic: string, key: string, value: string): Promise<unknown> =>
      producer.send([{ topic, partition: 0, key: Buffer.from(key), value: Buffer.from(value), timestamp: 5 }])
    await write('in', 'k', 'a')
    for (let i = 0; i < 500; i++) await write('names', `${i}`, 'filler')
    await write('names', 'a', 'first')
    const node = new StreamsNode({
      topology: topologyOf(),
      applicationId: 'app',
      log,
      state: memoryBackend(),
      commitInterval: 5,
    })
    await node.start()
    const running = node.run()
    const out = async (): Promise<number> => (await log.admin.offsets('out'))[0]!.end
    await expect.poll(out, { timeout: 5000 }).toBeGreaterThan(0)
    await write('names', 'a', 'second')
    // What it finds from some time on is the new name; how soon is not said.
    const reader = await log.reader({ clientId: 'test' })
    reader.seek({ topic: 'out', partition: 0 }, 0)
    const values: string[] = []
    await expect
      .poll(
        async () => {
          await write('in', 'k', 'a')
          for (const batch of await reader.poll(0)) values.push(batch.bytes.toString('latin1'))
          return values.join()
        },
        { timeout: 5000 },
      )
      .toContain('a+second')
    expect(values.join()).toContain('a+first')
    expect(values.join()).not.toContain('a+null')
    await reader.close()
    await node.close()
    await running
    await producer.close()
    await log.close()
  })

  it('passes over what it cannot decode, and says so', async () => {
    const builder = new TopologyBuilder()
    const table = builder.globalTable('names', {
      key: string,
      value: json<{ name: string }>(),
      store: 'names',
    })
    builder
      .stream('in', text)
      .join('named', table, (value, { name }) => `${value}+${name}`, { tableKey: value => value })
      .to('out', text)
    const notices: string[] = []
    const log = memoryLog()
    await log.admin.createTopics(['names', 'in', 'out'].map(topic => ({ topic, partitions: 1 })))
    const driver = await TopologyTestDriver.start(builder.build(), {
      log,
      onNotice: text => notices.push(text),
    })
    await driver.pipe('names', { key: 'a', value: { name: 'good' }, timestamp: 1 })
    await driver.pipeBytes('names', { key: Buffer.from('a'), value: Buffer.from('{'), timestamp: 2 })
    await driver.pipe('in', { key: 'k', value: 'a', timestamp: 3 })
    expect((await driver.read('out', text)).map(({ value }) => value)).toEqual(['a+good'])
    expect(notices).toEqual([expect.stringContaining('the global table names passes over names/0 at 1')])
    await driver.close()
  })

  it('cannot be read as a stream too', () => {
    const builder = new TopologyBuilder()
    builder.globalTable('in', { ...text, store: 'all' })
    builder.stream('in', text)
    expect(() => builder.build()).toThrow(TickerError)
    expect(() => builder.build()).toThrow(/the topic in has two sources/)
  })
})
