import { beforeEach, expect, it, describe as suite } from 'vitest'
import {
  deadLetterRecord,
  deadLetters,
  deadLetterTopic,
  type LetterFilter,
  type Log,
  memoryLog,
  type Producer,
  RecordCursor,
  replayDeadLetters,
} from './index.ts'

const application = 'app'
let log: Log
let time: number

beforeEach(async () => {
  time = 1000
  log = memoryLog()
  await log.admin.createTopics([
    { topic: 'in', partitions: 2 },
    { topic: deadLetterTopic(application), partitions: 1 },
  ])
})

interface Given {
  readonly value: string
  readonly topic?: string
  readonly partition?: number
  readonly code?: string
  readonly time?: number
}

async function giveUp(...letters: Given[]): Promise<void> {
  const producer = await log.producer({ clientId: 'test' })
  await producer.init()
  await producer.send(
    letters.map(({ value, topic = 'in', partition = 1, code = 'RECORD_INVALID', time: at = time }, i) =>
      deadLetterRecord(
        {
          topic,
          partition,
          offset: i,
          key: Buffer.from('k'),
          value: Buffer.from(value),
          timestamp: 5,
          headers: [['h', Buffer.from(value)]],
          code,
          message: `${value} is refused`,
          stage: 'process',
          operator: 'check',
          application,
          task: '0_1',
          time: at,
          error: new TypeError('no'),
        },
        deadLetterTopic(application),
      ),
    ),
  )
  await producer.close()
}

async function all(options = { log, applicationId: application, clientId: 'test' }) {
  const found = []
  for await (const letter of deadLetters(options)) found.push(letter)
  return found
}

const replay = (filter: LetterFilter = {}, options: { log?: Log; dryRun?: boolean } = {}) =>
  replayDeadLetters({
    log,
    applicationId: application,
    clientId: 'replay',
    now: () => time,
    filter,
    ...options,
  })

/** What was written to a topic, by partition. */
async function contents(topic: string, partition: number) {
  const end = (await log.admin.offsets(topic)).find(each => each.partition === partition)!.end
  const reader = await log.reader({ clientId: 'test' })
  reader.seek({ topic, partition }, 0)
  const cursor = new RecordCursor()
  const found: { value: string | undefined; timestamp: number; headers: string[] }[] = []
  for (let position = 0; position < end; ) {
    for (const batch of await reader.poll(100)) {
      cursor.reset(batch, position)
      while (cursor.next()) {
        const headers = cursor.headers().map(([name, value]) => `${name}=${value}`)
        found.push({ value: cursor.value?.toString(), timestamp: cursor.timestamp, headers })
      }
      position = batch.lastOffset + 1
    }
  }
  await reader.close()
  return found
}

const values = async (topic: string, partition: number) =>
  (await contents(topic, partition)).map(({ value }) => value)

suite('dead letters', () => {
  it('are read as they were written', async () => {
    await giveUp({ value: 'a' }, { value: 'b', code: 'RECORD_FAILED' })
    const [first, second] = await all()
    expect(first).toMatchObject({
      id: 0,
      topic: 'in',
      partition: 1,
      offset: 0,
      key: Buffer.from('k'),
      value: Buffer.from('a'),
      timestamp: 5,
      code: 'RECORD_INVALID',
      message: 'a is refused',
      stage: 'process',
      operator: 'check',
      application,
      task: '0_1',
      time: 1000,
      exception: 'TypeError',
      replayedAt: undefined,
    })
    expect(first?.headers).toEqual([['h', Buffer.from('a')]])
    expect(second).toMatchObject({ id: 1, code: 'RECORD_FAILED' })
  })

  it('of an application that never ran are an error', async () => {
    await expect(all({ log, applicationId: 'other', clientId: 'test' })).rejects.toMatchObject({
      code: 'LOG_UNKNOWN_TOPIC',
    })
  })

  it('keep messages and stacks within limits, cut between characters', async () => {
    await giveUp({ value: 'é'.repeat(5000) })
    const [letter] = await all()
    expect(Buffer.byteLength(letter!.message)).toBe(4096)
    expect(letter!.message).toMatch(/^é+$/)
  })
})

suite('a replay', () => {
  it('writes the records as they were, where they came from, each once', async () => {
    await giveUp({ value: 'a' }, { value: 'b', partition: 0 }, { value: 'c' })
    expect(await replay()).toEqual({ replayed: 3, replayedBefore: 0, refused: [] })
    expect(await contents('in', 1)).toEqual([
      { value: 'a', timestamp: 5, headers: ['h=a'] },
      { value: 'c', timestamp: 5, headers: ['h=c'] },
    ])
    expect(await values('in', 0)).toEqual(['b'])
    expect((await all()).map(({ replayedAt }) => replayedAt)).toEqual([1000, 1000, 1000])
    await giveUp({ value: 'd' })
    time = 2000
    expect(await replay()).toEqual({ replayed: 1, replayedBefore: 3, refused: [] })
    expect(await values('in', 1)).toEqual(['a', 'c', 'd'])
    expect((await all()).map(({ replayedAt }) => replayedAt)).toEqual([1000, 1000, 1000, 2000])
  })

  it('takes the letters meant only', async () => {
    await log.admin.createTopics([{ topic: 'other', partitions: 1 }])
    await giveUp(
      { value: 'a', code: 'RECORD_FAILED', time: 10 },
      { value: 'b', topic: 'other', partition: 0, time: 20 },
      { value: 'c', time: 30 },
      { value: 'd', time: 40 },
    )
    expect(await replay({ code: 'RECORD_FAILED' })).toMatchObject({ replayed: 1 })
    expect(await replay({ topic: 'other' })).toMatchObject({ replayed: 1 })
    expect(await replay({ since: 40 })).toMatchObject({ replayed: 1 })
    expect([await values('in', 1), await values('other', 0)]).toEqual([['a', 'd'], ['b']])
    expect(await replay({ ids: [0, 2] })).toEqual({ replayed: 1, replayedBefore: 1, refused: [] })
    expect(await values('in', 1)).toEqual(['a', 'd', 'c'])
  })

  it('writes nothing when it is a dry run', async () => {
    await giveUp({ value: 'a' })
    const topics = await log.admin.listTopics()
    expect(await replay({}, { dryRun: true })).toEqual({ replayed: 1, replayedBefore: 0, refused: [] })
    expect([await values('in', 1), await log.admin.listTopics()]).toEqual([[], topics])
  })

  it('leaves alone what has nowhere to go', async () => {
    await giveUp(
      { value: 'row', partition: -1 },
      { value: 'a', topic: 'gone' },
      { value: 'b', topic: 'gone' },
    )
    expect(await replay()).toEqual({
      replayed: 0,
      replayedBefore: 0,
      refused: [
        { reason: 'never was a record of in', letters: 1 },
        { reason: 'the topic gone does not exist any more', letters: 2 },
      ],
    })
    expect((await all()).map(({ replayedAt }) => replayedAt)).toEqual([undefined, undefined, undefined])
  })

  it('goes where the key belongs if the topic has fewer partitions now', async () => {
    await giveUp({ value: 'a', partition: 7 })
    await replay()
    expect([...(await values('in', 0)), ...(await values('in', 1))]).toEqual(['a'])
  })

  it('that is cut off between two commits goes on where it was, and doubles nothing', async () => {
    const count = 1200
    await giveUp(...Array.from({ length: count }, (_, i) => ({ value: String(i) })))
    let commits = 0
    const cut: Log = {
      ...log,
      async producer(options) {
        const producer = await log.producer(options)
        const cutting: Producer = {
          init: () => producer.init(),
          begin: () => producer.begin(),
          send: records => producer.send(records),
          sendOffsets: (group, offsets) => producer.sendOffsets(group, offsets),
          abort: () => producer.abort(),
          close: () => producer.close(),
          async commit() {
            if (++commits === 2) throw new Error('cut')
            await producer.commit()
          },
        }
        return cutting
      },
    }
    await expect(replay({}, { log: cut })).rejects.toThrow('cut')
    expect((await all()).filter(({ replayedAt }) => replayedAt !== undefined)).toHaveLength(500)
    expect(await replay()).toEqual({ replayed: 700, replayedBefore: 500, refused: [] })
    expect(await values('in', 1)).toEqual(Array.from({ length: count }, (_, i) => String(i)))
  })

  it('that begins while another is under way fences it, and nothing is doubled', async () => {
    await giveUp(...Array.from({ length: 3000 }, (_, i) => ({ value: String(i) })))
    const outcomes = await Promise.allSettled([replay(), replay(), replay()])
    const fenced = outcomes.filter(each => each.status === 'rejected').map(each => each.reason.code)
    expect(fenced).toEqual(fenced.map(() => 'LOG_FENCED'))
    await replay()
    expect((await values('in', 1)).map(Number).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 3000 }, (_, i) => i),
    )
  })

  it('does not take the receipts of a deleted topic for its own', async () => {
    await giveUp({ value: 'a' })
    await replay()
    await log.admin.deleteTopics([deadLetterTopic(application)])
    await log.admin.createTopics([{ topic: deadLetterTopic(application), partitions: 1 }])
    await giveUp({ value: 'b' })
    expect(await replay()).toEqual({ replayed: 1, replayedBefore: 0, refused: [] })
  })
})
