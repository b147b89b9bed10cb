import { expect, it, describe as suite } from 'vitest'
import { memoryBackend } from '../state/index.ts'
import {
  deadLetterHeaders,
  deadLetterTopic,
  describe,
  type Log,
  long,
  memoryLog,
  mermaid,
  type Producer,
  type RecordedInput,
  StreamsNode,
  string,
  TickerError,
  TopologyBuilder,
  tumbling,
} from './index.ts'
import { bytes } from './serde.ts'
import { ManualTimers } from './testing/manual-timers.ts'
import { TopologyTestDriver } from './testing/test-driver.ts'

const text = { key: string, value: string }

function shouting() {
  const builder = new TopologyBuilder()
  builder
    .stream('in', text)
    .mapBatch('shout', async values => values.map(value => value.toUpperCase()))
    .to('out', { value: string })
  return builder.build()
}

suite('dead letters', () => {
  it('hold what cannot be decoded, is found wrong or has no event time, as it was, with the reason', async () => {
    const builder = new TopologyBuilder()
    builder
      .stream('in', {
        key: string,
        value: long,
        timestamp: (value, record) => (value === 7 ? -1 : (value ?? record.timestamp)),
        validate: value => (value === 13 ? 'thirteen is refused' : undefined),
      })
      .to('out', { value: long })
    const driver = await TopologyTestDriver.start(builder.build())
    const key = Buffer.from('k')
    await driver.pipeBytes('in', {
      key,
      value: Buffer.from('short'),
      timestamp: 5,
      headers: [['h', Buffer.from('1')]],
    })
    await driver.pipe('in', { key: 'k', value: 13, timestamp: 6 })
    await driver.pipe('in', { key: 'k', value: 7, timestamp: 7 })
    await driver.pipe('in', { key: 'k', value: 8, timestamp: 0 })
    const letters = await driver.read(deadLetterTopic('test'), { key: string, value: bytes })
    const header = (i: number, name: string) =>
      letters[i]?.headers.find(([each]) => each === name)?.[1].toString()
    expect(letters.map((_, i) => header(i, deadLetterHeaders.code))).toEqual([
      'RECORD_UNDECODABLE',
      'RECORD_INVALID',
      'RECORD_TIMESTAMP_INVALID',
    ])
    expect(letters[0]).toMatchObject({ key: 'k', value: Buffer.from('short'), timestamp: 5 })
    expect(header(0, 'h')).toBe('1')
    expect(header(1, deadLetterHeaders.message)).toBe('thirteen is refused')
    expect(header(2, deadLetterHeaders.topic)).toBe('in')
    expect(header(2, deadLetterHeaders.partition)).toBe('0')
    expect(header(2, deadLetterHeaders.offset)).toBe('2')
    expect(await driver.read('out', { key: string, value: long })).toMatchObject([{ value: 8, timestamp: 8 }])
    await driver.close()
  })
})

suite('mapBatch', () => {
  it('hands on results in order, with key, time and headers of their records', async () => {
    const driver = await TopologyTestDriver.start(shouting(), { commitEvery: 3 })
    for (const value of ['a', 'b', 'c']) {
      await driver.pipe('in', { key: 'k', value, timestamp: 3, headers: [['h', Buffer.from(value)]] })
    }
    const out = await driver.read('out', text)
    expect(out.map(({ value, headers }) => `${value}${headers[0]?.[1]}`)).toEqual(['Aa', 'Bb', 'Cc'])
    await driver.close()
  })

  it('refuses another number of results', async () => {
    const builder = new TopologyBuilder()
    builder
      .stream('in', text)
      .mapBatch('broken', async () => ['one', 'two'])
      .to('out', { value: string })
    const driver = await TopologyTestDriver.start(builder.build(), { commitEvery: Number.POSITIVE_INFINITY })
    const piped = async (): Promise<void> => {
      await driver.pipe('in', { key: 'k', value: 'x', timestamp: 1 })
      await driver.commit()
    }
    await expect(piped()).rejects.toMatchObject({ code: 'BATCH_RESULTS_MISCOUNTED' })
  })
})

suite('recorded decisions', () => {
  const model = (offered: () => string, prepared: string[]): RecordedInput<string> => ({
    name: 'model',
    value: string,
    offer: offered,
    prepare: async value => {
      prepared.push(value)
    },
  })

  function scoring(input: RecordedInput<string>) {
    const builder = new TopologyBuilder()
    builder
      .stream('in', text)
      .mapBatch('score', async (values, { recorded }) => values.map(value => `${value} by ${recorded}`), {
        recorded: input,
      })
      .to('out', { value: string })
    return builder.build()
  }

  it('take effect between two commits, and a restart goes on with the one recorded', async () => {
    let offered = 'v1'
    const prepared: string[] = []
    const timers = new ManualTimers()
    const log = memoryLog({ now: () => timers.now() })
    const graph = scoring(model(() => offered, prepared))
    const first = await TopologyTestDriver.start(graph, { log, commitEvery: 2 })
    await first.pipe('in', { key: 'k', value: 'a', timestamp: 1 })
    offered = 'v2'
    await first.pipe('in', { key: 'k', value: 'b', timestamp: 2 })
    await first.pipe('in', { key: 'k', value: 'c', timestamp: 3 })
    await first.commit()
    const values = (await first.read('out', text)).map(record => record.value)
    expect(values).toEqual(['a by v1', 'b by v1', 'c by v2'])
    await first.close()

    prepared.length = 0
    const seen: { from: unknown; value: unknown }[] = []
    const second = await TopologyTestDriver.start(graph, {
      log,
      onDecision: (_, __, decision) => seen.push(decision),
    })
    expect(prepared).toEqual(['v2'])
    expect(seen).toEqual([])
    offered = 'v3'
    await second.pipe('in', { key: 'k', value: 'd', timestamp: 4 })
    expect(seen).toEqual([{ value: 'v3', from: [{ topic: 'in', partition: 0, position: 4 }] }])
    await second.close()
  })
})

suite('a node', () => {
  async function topicsOf(log: Log, partitions: number): Promise<void> {
    await log.admin.createTopics(['in', 'out'].map(topic => ({ topic, partitions })))
  }

  async function write(log: Log, values: readonly string[], partitions: number): Promise<void> {
    const producer = await log.producer({ clientId: 'writer' })
    await producer.init()
    await producer.send(
      values.map((value, i) => ({
        topic: 'in',
        partition: i % partitions,
        key: Buffer.from(value),
        value: Buffer.from(value),
        timestamp: i,
      })),
    )
    await producer.close()
  }

  async function written(log: Log): Promise<string[]> {
    const builder = new TopologyBuilder()
    builder.stream('out', text)
    const driver = await TopologyTestDriver.start(builder.build(), {
      log,
      applicationId: 'reader',
      partitions: 4,
    })
    const values = (await driver.read('out', text)).map(record => record.value ?? '')
    await driver.close()
    return values.sort()
  }

  const nodeOf = (log: Log, clientId: string) =>
    new StreamsNode({
      topology: shouting(),
      applicationId: 'app',
      clientId,
      log,
      state: memoryBackend(),
      commitInterval: 1,
    })

  it('shares its tasks with another one that joins, and takes them back when that one leaves', async () => {
    const log = memoryLog()
    await topicsOf(log, 4)
    const [a, b] = [nodeOf(log, 'a'), nodeOf(log, 'b')]
    await a.start()
    const running = [a.run()]
    await expect.poll(() => a.status().tasks.length).toBe(4)
    await b.start()
    running.push(b.run())
    await expect.poll(() => [a.status().tasks.length, b.status().tasks.length]).toEqual([2, 2])
    const values = Array.from({ length: 100 }, (_, i) => `v${String(i).padStart(3, '0')}`)
    await write(log, values, 4)
    await b.close()
    await expect.poll(() => a.status().tasks.length).toBe(4)
    await expect.poll(async () => (await a.lag()).every(({ end, position }) => position === end)).toBe(true)
    await a.close()
    await Promise.all(running)
    expect(await written(log)).toEqual(values.map(value => value.toUpperCase()))
    await log.close()
  })

  it('takes up anew what was elsewhere in between, also when it hears of both moves at once', async () => {
    const log = memoryLog()
    await topicsOf(log, 4)
    const assign: ((partitions: readonly number[]) => void)[] = []
    const listening: Log = {
      ...log,
      consumer: async options => {
        assign.push(partitions =>
          options.onAssigned({
            generation: 1,
            memberId: 'a',
            partitions: partitions.map(partition => ({ topic: 'in', partition })),
          }),
        )
        return await log.consumer(options)
      },
    }
    const restored: string[] = []
    const node = new StreamsNode({
      topology: shouting(),
      applicationId: 'app',
      log: listening,
      state: memoryBackend(),
      onRestored: task => restored.push(task),
    })
    const settle = async () => {
      for (let steps = 0; steps < 3 || node.settling; steps++) {
        await node.step()
        await new Promise(resolve => setImmediate(resolve))
      }
    }
    await node.start()
    await settle()
    expect(restored.splice(0).sort()).toEqual(['0_0', '0_1', '0_2', '0_3'])
    assign[0]?.([0, 1])
    assign[0]?.([0, 1, 2, 3])
    await settle()
    expect(restored.sort()).toEqual(['0_2', '0_3'])
    await node.close()
    await log.close()
  })

  it('goes back to the last commit when one fails, and writes nothing twice', async () => {
    const log = memoryLog()
    await topicsOf(log, 1)
    let failures = 3
    // Fails in turn before the outputs, the positions and the end of the transaction.
    const failing: Log = {
      ...log,
      producer: async options => {
        const producer = await log.producer(options)
        if (options.transactionalId === undefined) return producer
        const fails =
          <A extends unknown[], R>(turn: number, call: (...args: A) => Promise<R>) =>
          async (...args: A): Promise<R> => {
            if (failures === turn) {
              failures--
              throw new TickerError('LOG_FAILED', 'the connection was cut')
            }
            return await call(...args)
          }
        const failingProducer: Producer = {
          init: () => producer.init(),
          begin: () => producer.begin(),
          abort: () => producer.abort(),
          close: () => producer.close(),
          send: fails(3, records => producer.send(records)),
          sendOffsets: fails(2, (group, offsets) => producer.sendOffsets(group, offsets)),
          commit: fails(1, () => producer.commit()),
        }
        return failingProducer
      },
    }
    const notices: string[] = []
    const node = new StreamsNode({
      topology: shouting(),
      applicationId: 'app',
      log: failing,
      state: memoryBackend(),
      commitInterval: 1,
      onNotice: notice => notices.push(notice),
    })
    await node.start()
    const running = node.run()
    await write(log, ['a', 'b', 'c'], 1)
    await expect
      .poll(async () => (await node.lag()).every(({ end, position }) => position === end), { timeout: 5000 })
      .toBe(true)
    await node.close()
    await running
    expect(failures).toBe(0)
    expect(notices).toHaveLength(3)
    expect(await written(log)).toEqual(['A', 'B', 'C'])
    await log.close()
  })

  it('ends with the cause when an operator throws', async () => {
    const builder = new TopologyBuilder()
    const fail = (): string => {
      throw new Error('no such thing')
    }
    builder.stream('in', text).mapValues(fail).to('out', { value: string })
    const driver = await TopologyTestDriver.start(builder.build())
    const piped = driver.pipe('in', { key: 'k', value: 'v', timestamp: 1 })
    await expect(piped).rejects.toMatchObject({
      code: 'PROCESSING_FAILED',
      message: /in\/0 at 0: no such thing/,
    })
  })

  it('does not start without its topics', async () => {
    const log = memoryLog()
    await expect(nodeOf(log, 'a').start()).rejects.toMatchObject({ code: 'LOG_UNKNOWN_TOPIC' })
    await log.close()
  })
})

suite('describe', () => {
  function pipeline() {
    const builder = new TopologyBuilder()
    const windows = builder
      .stream('readings', {
        key: string,
        value: { name: 'pulse', deserialize: () => ({ pulse: 1 }), serialize: () => Buffer.alloc(0) },
      })
      .groupByKey()
      .window('minutes', tumbling({ size: '1 m', grace: '5 s' }))
      .collect(['pulse'])
    const means = windows.mapWindows('mean', samples => samples.count)
    const { high } = means.split('height', { high: count => count > 10, low: () => true })
    high.to('high', { value: long })
    builder
      .stream('other', text)
      .filter(() => true)
      .to('rest', { value: string })
    return builder.build()
  }

  it('tells sub-topologies, nodes, stores and edges as text', () => {
    expect(describe(pipeline())).toBe(`Topologies:
   Sub-topology: 0
    Source: source-readings (topics: [readings])
      --> minutes
    Processor: minutes (collect, stores: [minutes])
      --> mean
      <-- source-readings
    Processor: mean (mapValues, stores: [])
      --> height
      <-- minutes
    Processor: height (split, stores: [])
      --high--> sink-high
      <-- mean
    Sink: sink-high (topic: high)
      <-- height

   Sub-topology: 1
    Source: source-other (topics: [other])
      --> filter-1
    Processor: filter-1 (filter, stores: [])
      --> sink-rest
      <-- source-other
    Sink: sink-rest (topic: rest)
      <-- filter-1
`)
  })

  it('draws it for Mermaid', () => {
    const drawing = mermaid(pipeline())
    expect(drawing).toContain('subgraph s1["Sub-topology 1"]')
    expect(drawing).toContain('n3 -->|high| n4')
  })
})
