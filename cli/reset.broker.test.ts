/** An application on a real broker, reset by the command line: it does all of its work again, from nothing. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rocksdbBackend } from '../state/index.ts'
import { tickerwatch } from '../test/tickerwatch.ts'
import { type Log, long, RecordCursor, StreamsNode, string, TopologyBuilder } from '../topology/index.ts'
import { brokerUnavailable } from '../topology/log/kafka/broker/distribution.ts'
import { startTemporaryBroker, type TemporaryBroker } from '../topology/log/kafka/broker/temporary-broker.ts'
import { kafkaLog } from '../topology/log/kafka/kafka-log.ts'

const reason = brokerUnavailable()
const application = 'counting'

describe.skipIf(reason !== undefined)(`reset on kafka ${reason ?? ''}`, () => {
  let broker: TemporaryBroker
  let log: Log
  let state: string

  beforeAll(async () => {
    state = await mkdtemp(join(tmpdir(), 'tickerwatch-reset-'))
    broker = await startTemporaryBroker()
    log = await kafkaLog({ brokers: [broker.brokers], clientId: 'reset-test' })
  })

  afterAll(async () => {
    await log?.close()
    await broker?.stop()
    await rm(state, { recursive: true, force: true })
  })

  /** Until there are so many counts. No lag would not do: it is looked up topic by topic, and the one between may grow meanwhile. */
  async function start(until: number): Promise<StreamsNode> {
    const builder = new TopologyBuilder()
    builder
      .stream('in', { key: string, value: string })
      .groupBy(() => 'all', { key: string })
      .count('counts')
      .toStream()
      .to('out', { value: long })
    const node = new StreamsNode({
      topology: builder.build(),
      applicationId: application,
      clientId: 'node-a',
      log,
      state: rocksdbBackend(join(state, application)),
    })
    await node.start()
    node.run().catch(() => {})
    await expect.poll(async () => (await counts()).length, { timeout: 60_000 }).toBe(until)
    return node
  }

  async function counts(): Promise<number[]> {
    const [{ end } = { end: 0 }] = await log.admin.offsets('out')
    const reader = await log.reader({ clientId: 'reader' })
    reader.seek({ topic: 'out', partition: 0 }, 0)
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

  const command = (...words: string[]) =>
    tickerwatch(
      'reset',
      '--brokers',
      broker.brokers,
      '--application-id',
      application,
      '--state',
      state,
      ...words,
    )

  test('says what it would do, refuses while a node runs, and does it when told', async () => {
    await log.admin.createTopics([
      { topic: 'in', partitions: 1 },
      { topic: 'out', partitions: 1 },
    ])
    const producer = await log.producer({ clientId: 'producer' })
    await producer.init()
    await producer.send(
      [1000, 2000, 3000, 4000].map(timestamp => ({
        topic: 'in',
        partition: 0,
        key: Buffer.from('k'),
        value: Buffer.from('v'),
        timestamp,
      })),
    )
    await producer.close()

    const node = await start(4)
    expect(await command('--execute')).toEqual({
      code: 1,
      stdout: [],
      stderr: ['GROUP_ACTIVE: group counting has 1 member: node-a', expect.stringMatching(/^Stop these/)],
    })
    await node.close()
    expect(await counts()).toEqual([1, 2, 3, 4])

    const showTopics = (...words: string[]) =>
      tickerwatch('topics', '--brokers', broker.brokers, '--application-id', application, ...words)
    const listed = JSON.parse((await showTopics('--json')).stdout.join('\n'))
    expect(listed).toContainEqual({
      topic: 'in',
      config: expect.objectContaining({}),
      partitions: [{ partition: 0, start: 0, end: 4, position: 4 }],
    })
    const lines = (await showTopics()).stdout
    expect(lines[0]).toMatch(/^TOPIC +PARTITIONS +OFFSETS +LAG +CONFIG$/)
    expect(lines).toContainEqual(expect.stringMatching(/^in +1 +4 +0( |$)/))
    expect(lines).toContainEqual(expect.stringMatching(/^out +1 +\d+ +-( |$)/))

    const { code, stdout } = await command()
    expect([code, ...stdout.map(line => line.replace(/(?<=\S) +/g, ' '))]).toEqual([
      0,
      'counting would be reset; --execute does it:',
      '  position in/0 4 → 0',
      '  delete counting-counts-changelog 1 partition',
      '  delete counting-counts-repartition 1 partition',
      `  remove ${join(state, application)}`,
    ])
    expect(await log.admin.listTopics()).toContain('counting-counts-changelog')
    expect(await log.admin.committed(application, ['in'])).toMatchObject([{ position: 4 }])

    const { stdout: done } = await command('--to-datetime', '1970-01-01T00:00:02', '--execute', '--json')
    expect(JSON.parse(done.join('\n'))).toMatchObject({
      applicationId: application,
      executed: true,
      positions: [{ topic: 'in', partition: 0, before: 4, position: 1 }],
      stateDirectory: join(state, application),
    })
    expect(existsSync(join(state, application))).toBe(false)
    const left = await log.admin.listTopics()
    expect(left.filter(topic => topic.startsWith('counting-'))).toEqual(['counting-dead-letters'])

    await (await start(7)).close()
    expect(await counts()).toEqual([1, 2, 3, 4, 1, 2, 3])
    expect((await command('--to-latest', '--to-earliest')).code).toBe(2)
    expect((await command('--to-datetime', 'soon')).code).toBe(2)
    expect((await command('--internal-topics', 'in')).stderr[0]).toMatch(/^RESET_REFUSED: in is no /)
  })
})
