import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, describe as suite } from 'vitest'
import { rocksdbBackend } from '../state/index.ts'
import {
  deadLetterHeaders,
  deadLetterTopic,
  type FailureAnswer,
  type Graph,
  type Log,
  long,
  memoryLog,
  RecordCursor,
  type RecordFailure,
  StreamsNode,
  string,
  TopologyBuilder,
} from './index.ts'
import { bytes } from './serde.ts'
import { TopologyTestDriver } from './testing/test-driver.ts'

const text = { key: string, value: string }
const header = (letter: { headers: readonly (readonly [string, Buffer])[] }, name: string) =>
  letter.headers.find(([each]) => each === name)?.[1].toString()

/** Counts by key, writes the counts, and only then looks at the value: `bad` throws behind store and sink. */
function counting(values: (value: string | null) => string): Graph {
  const builder = new TopologyBuilder()
  const stream = builder.stream('in', text)
  stream.groupByKey().count('counts').toStream().to('counted', { value: long })
  stream.to('copied')
  stream.mapValues(values, { name: 'check' }).to('checked', { value: string })
  return builder.build()
}

const refuseBad = (value: string | null): string => {
  if (value === null) return ''
  if (value.startsWith('bad')) throw new TypeError(`${value} is refused`)
  return value
}

async function valuesOf(log: Log, topic: string): Promise<Buffer[]> {
  const reader = await log.reader({ clientId: 'test' })
  const cursor = new RecordCursor()
  const found: Buffer[] = []
  for (const { partition, end } of await log.admin.offsets(topic)) {
    reader.seek({ topic, partition }, 0)
    for (let position = 0; position < end; ) {
      for (const batch of await reader.poll(100)) {
        if (batch.partition !== partition) continue
        cursor.reset(batch, position)
        while (cursor.next()) found.push(Buffer.from(cursor.value!))
        position = batch.lastOffset + 1
      }
    }
  }
  await reader.close()
  return found
}

const always = (answer: FailureAnswer) => () => answer

async function results(driver: TopologyTestDriver) {
  const values = async (topic: string) => (await driver.read(topic, text)).map(({ value }) => value)
  return {
    counted: (await driver.read('counted', { key: string, value: long })).map(({ value }) => value),
    copied: await values('copied'),
    letters: await driver.read(deadLetterTopic('test'), { key: string, value: bytes }),
  }
}

suite('a record that fails half-way', () => {
  it.each(['skip', 'deadLetter'] as const)('leaves nothing when the answer is %s', async answer => {
    // None of it is committed when the bad ones come: the rollback has something to do again.
    const driver = await TopologyTestDriver.start(counting(refuseBad), {
      commitEvery: Number.POSITIVE_INFINITY,
      onFailure: { process: always(answer) },
    })
    for (const [i, value] of ['a', 'b', 'bad 1', 'c', 'bad 2', 'bad 3', 'd'].entries()) {
      await driver.pipe('in', { key: 'k', value, timestamp: 10 + i })
    }
    await driver.commit()
    const { counted, copied, letters } = await results(driver)
    expect(counted).toEqual([1, 2, 3, 4])
    expect(copied).toEqual(['a', 'b', 'c', 'd'])
    expect((await driver.read('checked', text)).map(({ value }) => value)).toEqual(['a', 'b', 'c', 'd'])
    expect(letters.map(({ value }) => String(value))).toEqual(
      answer === 'skip' ? [] : ['bad 1', 'bad 2', 'bad 3'],
    )
    await driver.close()
  })

  it('becomes a dead letter as it was, with all that is known of the failure', async () => {
    const seen: RecordFailure[] = []
    const driver = await TopologyTestDriver.start(counting(refuseBad), {
      now: 77,
      onFailure: {
        process: failure => {
          seen.push(failure)
          return 'deadLetter'
        },
      },
    })
    await driver.pipe('in', { key: 'k', value: 'a', timestamp: 5 })
    await driver.pipe('in', { key: 'k', value: 'bad é', timestamp: 6, headers: [['h', Buffer.from('1')]] })
    const [letter] = (await results(driver)).letters
    expect(letter).toMatchObject({ key: 'k', value: Buffer.from('bad é'), timestamp: 6 })
    const { stacktrace = '', ...reason } = Object.fromEntries(
      Object.entries(deadLetterHeaders).map(([name, header_]) => [name, header(letter!, header_)]),
    )
    expect(reason).toEqual({
      code: 'RECORD_FAILED',
      message: 'bad é is refused',
      exception: 'TypeError',
      stage: 'process',
      operator: 'check',
      topic: 'in',
      partition: '0',
      offset: '1',
      timestamp: '6',
      application: 'test',
      task: '0_0',
      time: '77',
    })
    expect(stacktrace).toContain('refuseBad')
    expect(header(letter!, 'h')).toBe('1')
    expect(seen).toMatchObject([
      {
        stage: 'process',
        operator: 'check',
        task: '0_0',
        code: 'RECORD_FAILED',
        error: new TypeError('bad é is refused'),
        record: { topic: 'in', partition: 0, offset: 1, value: Buffer.from('bad é'), timestamp: 6 },
      },
    ])
    await driver.close()
  })

  it('does not move event time', async () => {
    const builder = new TopologyBuilder()
    const stream = builder.stream('in', text)
    stream
      .process<string, number>('time', {
        key: string,
        value: long,
        processor:
          context =>
          ({ key }) =>
            context.forward({ key: key ?? '', value: context.currentStreamTime }),
      })
      .to('times')
    stream.mapValues(refuseBad).to('checked', { value: string })
    const driver = await TopologyTestDriver.start(builder.build(), {
      onFailure: { process: always('skip') },
    })
    await driver.pipe('in', { key: 'k', value: 'a', timestamp: 5 })
    await driver.pipe('in', { key: 'k', value: 'bad', timestamp: 1000 })
    await driver.pipe('in', { key: 'k', value: 'b', timestamp: 6 })
    const times = await driver.read('times', { key: string, value: long })
    expect(times.map(({ value }) => value)).toEqual([5, 6])
    await driver.close()
  })

  it('ends the node by default, and when a handler throws', async () => {
    const bare = await TopologyTestDriver.start(counting(refuseBad))
    await expect(bare.pipe('in', { key: 'k', value: 'bad', timestamp: 1 })).rejects.toMatchObject({
      code: 'PROCESSING_FAILED',
      message: 'task 0_0 cannot process in/0 at 0 (check): bad is refused',
      cause: new TypeError('bad is refused'),
    })
    const broken = await TopologyTestDriver.start(counting(refuseBad), {
      onFailure: {
        process: () => {
          throw new Error('the handler is broken')
        },
      },
    })
    await expect(broken.pipe('in', { key: 'k', value: 'bad', timestamp: 1 })).rejects.toMatchObject({
      code: 'PROCESSING_FAILED',
      message: /process handler of onFailure threw .* the handler is broken/,
    })
    // What was done of it is not committed on the way out.
    await bare.close().catch(() => {})
    expect((await results(bare)).counted).toEqual([])
  })

  it('ends the node when it is no longer the records that are at fault', async () => {
    const driver = await TopologyTestDriver.start(counting(refuseBad), {
      commitEvery: Number.POSITIVE_INFINITY,
      onFailure: { process: always('deadLetter') },
    })
    const pipe = (value: string) => driver.pipe('in', { key: 'k', value, timestamp: 1 })
    for (let i = 0; i < 99; i++) await pipe(`bad ${i}`)
    await pipe('a good one between')
    for (let i = 0; i < 100; i++) await pipe(`bad ${i}`)
    await expect(pipe('bad')).rejects.toMatchObject({
      code: 'PROCESSING_FAILED',
      message: /^100 records in a row failed, the last at in\/0 at \d+ in check: bad is refused$/,
    })
    const { letters, copied } = await results(driver)
    expect([letters.length, copied]).toEqual([199, ['a good one between']])
  })

  it.each(['exactly_once', 'at_least_once'] as const)(
    'is passed over once however several partitions and tasks interleave, %s',
    async guarantee => {
      const log = memoryLog()
      const topics = ['in', 'other', 'counted', 'checked', 'copied']
      await log.admin.createTopics(topics.map(topic => ({ topic, partitions: 2 })))
      const builder = new TopologyBuilder()
      const stream = builder.stream('in', text).merge(builder.stream('other', text))
      stream.groupByKey().count('counts').toStream().to('counted', { value: long })
      stream.mapValues(refuseBad).to('checked', { value: string })
      const producer = await log.producer({ clientId: 'test' })
      await producer.init()
      const expected: string[] = []
      for (let i = 0; i < 200; i++) {
        const value = i % 7 === 3 ? `bad ${i}` : `${i}`
        if (!value.startsWith('bad')) expected.push(value)
        await producer.send([
          {
            topic: i % 3 === 0 ? 'other' : 'in',
            partition: i % 2,
            key: Buffer.from(String(i % 2)),
            value: Buffer.from(value),
            // The two topics of a task take turns, and not in the order of their writing.
            timestamp: (i * 37) % 200,
          },
        ])
      }
      const directory = await mkdtemp(join(tmpdir(), 'tickerwatch-poison-'))
      const node = new StreamsNode({
        topology: builder.build(),
        applicationId: 'test',
        log,
        state: rocksdbBackend(directory),
        guarantee,
        commitInterval: 5,
        onFailure: { process: always('deadLetter') },
      })
      await node.start()
      const running = node.run()
      await expect
        .poll(async () => (await node.lag()).every(({ end, position }) => position === end), {
          timeout: 20_000,
        })
        .toBe(true)
      await node.close()
      await running
      const checked = await valuesOf(log, 'checked')
      expect(checked.map(String).sort()).toEqual(expected.sort())
      const counts = (await valuesOf(log, 'counted')).map(value => long.deserialize(value))
      expect(Math.max(...counts)).toBe(
        Math.max(...[0, 1].map(p => expected.filter(v => +v % 2 === p).length)),
      )
      expect(new Set((await valuesOf(log, deadLetterTopic('test'))).map(String)).size).toBe(29)
      expect(await valuesOf(log, deadLetterTopic('test'))).toHaveLength(29)
      await log.close()
      await rm(directory, { recursive: true })
    },
  )
})

suite('what cannot be written', () => {
  function copying(serialize: (value: string) => Buffer): Graph {
    const builder = new TopologyBuilder()
    const stream = builder.stream('in', text)
    stream.groupByKey().count('counts').toStream().to('counted', { value: long })
    stream.to('copied', { value: { ...string, serialize } })
    return builder.build()
  }

  it('is a failure of the produce stage: a serde that throws', async () => {
    const failures: RecordFailure[] = []
    const graph = copying(value => Buffer.from(refuseBad(value)))
    const driver = await TopologyTestDriver.start(graph, {
      onFailure: {
        produce: failure => {
          failures.push(failure)
          return 'deadLetter'
        },
      },
    })
    for (const value of ['a', 'bad', 'b']) await driver.pipe('in', { key: 'k', value, timestamp: 1 })
    const { counted, copied, letters } = await results(driver)
    expect([counted, copied, letters.length]).toEqual([[1, 2], ['a', 'b'], 1])
    expect(failures).toMatchObject([
      { stage: 'produce', code: 'RECORD_UNSERIALIZABLE', operator: 'sink-copied' },
    ])
    await driver.close()
  })

  it('or a record larger than its topic takes, to the byte', async () => {
    const log = memoryLog()
    await log.admin.createTopics([
      { topic: 'copied', partitions: 1, config: { 'max.message.bytes': '1000' } },
    ])
    const driver = await TopologyTestDriver.start(copying(Buffer.from), {
      log,
      onFailure: { produce: always('skip') },
    })
    const pipe = (length: number) => driver.pipe('in', { key: 'k', value: 'x'.repeat(length), timestamp: 1 })
    for (let length = 890; length < 1010; length++) await pipe(length)
    const { counted, copied } = await results(driver)
    const largest = Math.max(...copied.map(value => value!.length))
    // The batch's head, and of the record: two lengths of 2 bytes, five fields of 1 byte, the key.
    expect(largest).toBe(1000 - 61 - 2 * 2 - 5 - 1)
    expect(counted).toHaveLength(copied.length)
    const bare = TopologyTestDriver.start(copying(Buffer.from), { log, applicationId: 'bare' })
    await expect(bare).rejects.toMatchObject({ code: 'PROCESSING_FAILED', message: /which takes 1000$/ })
    await driver.close()
  })

  it('nor to the dead letters, where their topic was made with too small a limit: then the node ends', async () => {
    const log = memoryLog()
    await log.admin.createTopics([
      { topic: deadLetterTopic('test'), partitions: 1, config: { 'max.message.bytes': '1000' } },
    ])
    const driver = await TopologyTestDriver.start(counting(refuseBad), {
      log,
      onFailure: { process: always('deadLetter') },
    })
    await expect(
      driver.pipe('in', { key: 'k', value: `bad ${'x'.repeat(1000)}`, timestamp: 1 }),
    ).rejects.toMatchObject({ code: 'PROCESSING_FAILED', message: /to dead-letter in\/0 at 0/ })
  })
})

suite('what cannot be decoded', () => {
  const builder = new TopologyBuilder()
  builder
    .stream('in', {
      key: string,
      value: long,
      validate: value => {
        if (value === 13) throw new Error('validate threw')
        return undefined
      },
    })
    .to('out', { value: long })
  const graph = builder.build()
  const pipeAll = async (driver: TopologyTestDriver) => {
    await driver.pipeBytes('in', { key: Buffer.from('k'), value: Buffer.from('short'), timestamp: 5 })
    await driver.pipe('in', { key: 'k', value: 13, timestamp: 5 })
    await driver.pipe('in', { key: 'k', value: 8, timestamp: 5 })
  }

  it('is skipped when the answer says so, and counted', async () => {
    const driver = await TopologyTestDriver.start(graph, { onFailure: { decode: always('skip') } })
    await pipeAll(driver)
    expect(await driver.read(deadLetterTopic('test'), { key: string, value: bytes })).toEqual([])
    expect(await driver.read('out', { key: string, value: long })).toMatchObject([{ value: 8 }])
    expect(driver.node.status()).toMatchObject({ skipped: 2, deadLettered: 0, processed: 1 })
    await driver.close()
  })

  it('is dead-lettered by default, also when `validate` threw', async () => {
    const driver = await TopologyTestDriver.start(graph)
    await pipeAll(driver)
    const letters = await driver.read(deadLetterTopic('test'), { key: string, value: bytes })
    expect(
      letters.map(letter => [
        header(letter, deadLetterHeaders.code),
        header(letter, deadLetterHeaders.message),
      ]),
    ).toEqual([
      ['RECORD_UNDECODABLE', 'a long has 8 bytes, not 5'],
      ['RECORD_INVALID', 'validate threw'],
    ])
    await driver.close()
  })

  it('ends the node when the answer is fail', async () => {
    const driver = await TopologyTestDriver.start(graph, { onFailure: { decode: always('fail') } })
    await expect(pipeAll(driver)).rejects.toMatchObject({
      code: 'PROCESSING_FAILED',
      message: 'task 0_0 cannot decode in/0 at 0 (source-in): a long has 8 bytes, not 5',
    })
  })
})

suite('what belongs to no single record ends the node, whatever the handlers say', () => {
  const onFailure = { process: always('skip'), produce: always('skip') }

  it('a punctuation', async () => {
    const builder = new TopologyBuilder()
    builder
      .stream('in', text)
      .process<string, string>('p', {
        ...text,
        processor: ({ schedule, forward }) => {
          schedule(10, 'streamTime', () => forward({ key: 'k', value: 'v', timestamp: -1 }))
          return () => {}
        },
      })
      .to('out')
    const driver = await TopologyTestDriver.start(builder.build(), { onFailure })
    await expect(driver.pipe('in', { key: 'k', value: 'v', timestamp: 1 })).rejects.toMatchObject({
      code: 'PROCESSING_FAILED',
      message: /in a punctuation/,
    })
  })

  it('what follows from an asynchronous result', async () => {
    const builder = new TopologyBuilder()
    builder
      .stream('in', text)
      .mapBatch('later', async values => values)
      .mapValues(refuseBad, { name: 'check' })
      .to('out', { value: string })
    const driver = await TopologyTestDriver.start(builder.build(), { onFailure })
    await expect(driver.pipe('in', { key: 'k', value: 'bad', timestamp: 1 })).rejects.toMatchObject({
      code: 'PROCESSING_FAILED',
      message: 'task 0_0 failed with asynchronous results in check: bad is refused',
    })
  })
})
