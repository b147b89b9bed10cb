import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ManualTimers } from '../../testing/manual-timers.ts'
import type { Assignment, Assignor, Consumer, Producer, ProducerRecord } from '../log.ts'
import { type RecordBatch, RecordCursor } from '../record-batch.ts'
import { type MemoryLog, type MemoryLogOptions, memoryLog } from './memory-log.ts'

let timers: ManualTimers
let log: MemoryLog

/** Time stands still unless moved; turns of the event loop are real. */
function openLog(limits: MemoryLogOptions['limits'] = {}): MemoryLog {
  return memoryLog({
    now: () => timers.now(),
    after: (delay, callback) => {
      if (delay > 0) return timers.after(delay, callback)
      const immediate = setImmediate(callback)
      return () => clearImmediate(immediate)
    },
    limits,
  })
}

beforeEach(() => {
  timers = new ManualTimers(1_000_000)
  log = openLog()
})

afterEach(() => log.close())

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** Several turns of the event loop: whatever can happen without time passing has happened. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await turn()
}

function record(value: Buffer | string | null, key: string | null = null): ProducerRecord {
  return {
    topic: 'topic',
    partition: 0,
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    timestamp: 0,
  }
}

const kilobyte = Buffer.alloc(1_000)

async function newProducer(transactionalId?: string): Promise<Producer> {
  const producer = await log.producer({ clientId: 'producer', transactionalId })
  await producer.init()
  return producer
}

const allToFirst: Assignor = (members, topics) =>
  new Map([
    [
      members[0]!.memberId,
      [...topics].flatMap(([topic, count]) =>
        Array.from({ length: count }, (_, partition) => ({ topic, partition })),
      ),
    ],
  ])

interface Member {
  readonly consumer: Consumer
  readonly assignments: Assignment[]
  lost: number
}

async function join(clientId: string, assignor = allToFirst): Promise<Member> {
  const assignments: Assignment[] = []
  const member = {
    assignments,
    lost: 0,
    consumer: await log.consumer({
      group: 'group',
      clientId,
      topics: ['topic'],
      assignor,
      sessionTimeout: 5_000,
      onAssigned: assignment => {
        assignments.push(assignment)
      },
      onLost: () => {
        member.lost++
      },
    }),
  }
  return member
}

function textsOf(batches: readonly RecordBatch[]): (string | undefined)[] {
  const cursor = new RecordCursor()
  const texts: (string | undefined)[] = []
  for (const batch of batches) {
    cursor.reset(batch, 0)
    while (cursor.next()) texts.push(`${cursor.key?.toString() ?? ''}=${cursor.value?.toString() ?? 'null'}`)
  }
  return texts
}

async function readAll(): Promise<{ texts: (string | undefined)[]; bytes: number }> {
  const reader = await log.reader({ clientId: 'reader' })
  reader.seek({ topic: 'topic', partition: 0 }, 0)
  const { end } = (await log.admin.offsets('topic'))[0]!
  const batches: RecordBatch[] = []
  while ((batches.at(-1)?.lastOffset ?? -1) + 1 < end) batches.push(...(await reader.poll(0)))
  await reader.close()
  return { texts: textsOf(batches), bytes: batches.reduce((sum, batch) => sum + batch.bytes.length, 0) }
}

describe('memory is bounded', () => {
  const create = (config: Record<string, string>): Promise<void> =>
    log.admin.createTopics([{ topic: 'topic', partitions: 1, config }])

  test('what no group reads is dropped beyond retention.bytes, the oldest first', async () => {
    await create({ 'retention.bytes': '10000' })
    const producer = await newProducer()
    for (let i = 0; i < 100; i++) await producer.send([record(kilobyte)])
    const { start, end } = (await log.admin.offsets('topic'))[0]!
    expect(end).toBe(100)
    expect(start).toBeGreaterThan(85)
    expect((await readAll()).texts).toHaveLength(end - start)
  })

  test('the default bound is per partition, and -1 lifts it', async () => {
    await log.close()
    log = openLog({ partitionBytes: 5_000 })
    await create({ 'retention.bytes': '-1' })
    await log.admin.createTopics([{ topic: 'bounded', partitions: 1 }])
    const producer = await newProducer()
    for (let i = 0; i < 20; i++)
      await producer.send([record(kilobyte), { ...record(kilobyte), topic: 'bounded' }])
    expect((await log.admin.offsets('topic'))[0]!.start).toBe(0)
    expect((await log.admin.offsets('bounded'))[0]!.start).toBeGreaterThan(10)
  })

  test("records are dropped after retention.ms on the log's clock, whatever their own time is", async () => {
    await create({ 'retention.ms': '60000' })
    const producer = await newProducer()
    await producer.send([record('old')])
    timers.advance(60_001)
    await producer.send([record('new')])
    await producer.send([record('newer')])
    expect((await readAll()).texts).toEqual(['=new', '=newer'])
  })

  test('what a group has not read is kept: a producer waits, and goes on when the group commits', async () => {
    await create({ 'retention.bytes': '10000' })
    const member = await join('member')
    const producer = await newProducer()
    let sent = 0
    const sending = (async () => {
      for (; sent < 100; sent++) await producer.send([record(String(sent).padEnd(1_000))])
    })()
    await settle()
    await settle()
    const before = sent
    expect(before).toBeLessThan(20)
    expect((await log.admin.offsets('topic'))[0]!.start).toBe(0)

    const read: number[] = []
    const cursor = new RecordCursor()
    member.consumer.seek({ topic: 'topic', partition: 0 }, 0)
    member.consumer.resume([{ topic: 'topic', partition: 0 }])
    while (read.length < 100) {
      for (const batch of await member.consumer.poll(0)) {
        cursor.reset(batch, 0)
        while (cursor.next()) read.push(Number(cursor.value!.toString()))
        await member.consumer.commit([{ topic: 'topic', partition: 0, position: batch.lastOffset + 1 }])
      }
      await settle()
    }
    await sending
    expect(read).toEqual(Array.from({ length: 100 }, (_, i) => i))
    expect((await log.admin.offsets('topic'))[0]!.start).toBeGreaterThan(80)
  })

  test('a group without members still holds back what it has not read, until it is deleted', async () => {
    await create({ 'retention.bytes': '3000' })
    const member = await join('member')
    await settle()
    await member.consumer.commit([{ topic: 'topic', partition: 0, position: 0 }])
    await member.consumer.close()
    const producer = await newProducer()
    for (let i = 0; i < 3; i++) await producer.send([record(kilobyte)])
    let sent = false
    const sending = producer.send([record(kilobyte)]).then(() => {
      sent = true
    })
    await settle()
    expect(sent).toBe(false)
    await log.admin.deleteGroup('group')
    await sending
  })

  test('a send that waits too long fails, names the group, and stores nothing', async () => {
    await create({ 'retention.bytes': '2000' })
    await join('member')
    const producer = await newProducer()
    await producer.send([record(kilobyte), record(kilobyte)])
    const waiting = producer.send([record(kilobyte)])
    const failed = expect(waiting).rejects.toMatchObject({
      code: 'LOG_FAILED',
      message: expect.stringContaining('group group has read it up to 0 only'),
    })
    await settle()
    timers.advance(120_000)
    await failed
    expect((await log.admin.offsets('topic'))[0]!.end).toBe(2)
  })

  test('sends that wait for room keep their order', async () => {
    await create({ 'retention.bytes': '1000' })
    const member = await join('member')
    await settle()
    const producer = await newProducer()
    await producer.send([record(kilobyte)])
    const sends = ['a', 'b', 'c'].map(text => producer.send([record(text)]))
    await settle()
    await member.consumer.commit([{ topic: 'topic', partition: 0, position: 1 }])
    await Promise.all(sends)
    expect((await readAll()).texts).toEqual(['=a', '=b', '=c'])
  })

  test('aborted records do not count', async () => {
    await create({ 'retention.bytes': '5000' })
    await join('member')
    const producer = await newProducer('id')
    for (let i = 0; i < 50; i++) {
      producer.begin()
      await producer.send([record(kilobyte), record(kilobyte)])
      await producer.abort()
    }
    expect((await readAll()).texts).toEqual([])
  })

  test('a compacted topic keeps the latest record per key, and deletions for a while', async () => {
    await create({ 'cleanup.policy': 'compact', 'delete.retention.ms': '1000' })
    const producer = await newProducer()
    const latest = new Map<string, string>()
    await producer.send([record('x', 'gone')])
    await producer.send([record(null, 'gone')])
    timers.advance(1_001)
    for (let i = 0; i < 4_000; i++) {
      const value = `${i}:`.padEnd(2_000, '.')
      latest.set(`k${i % 10}`, value)
      await producer.send([record(value, `k${i % 10}`), record(null, `d${i % 10}`)])
    }
    const { texts, bytes } = await readAll()
    expect(bytes).toBeLessThan(3 << 20)
    const found = new Map(texts.map(text => text!.split('=') as [string, string]))
    for (const [key, value] of latest) expect(found.get(key)).toBe(value)
    for (let i = 0; i < 10; i++) expect(found.get(`d${i}`)).toBe('null')
    expect(found.has('gone')).toBe(false)
    await expect(producer.send([record('x')])).rejects.toMatchObject({ code: 'LOG_FAILED' })
  })

  test('a compacted topic whose keys are all alive keeps them all, at their offsets', async () => {
    await create({ 'cleanup.policy': 'compact' })
    const producer = await newProducer()
    for (let i = 0; i < 300; i++) {
      await producer.send(Array.from({ length: 10 }, (_, n) => record(kilobyte, `${i * 10 + n}`)))
    }
    expect((await readAll()).texts).toHaveLength(3_000)
    expect((await log.admin.offsets('topic'))[0]).toMatchObject({ start: 0, end: 3_000 })
  })

  test('compaction leaves open transactions alone', async () => {
    await create({ 'cleanup.policy': 'compact' })
    const [plain, transactional] = [await newProducer(), await newProducer('id')]
    await plain.send([record('before', 'k')])
    transactional.begin()
    await transactional.send([record('aborted', 'k')])
    for (let i = 0; i < 1_500; i++) await plain.send([record(kilobyte, 'other')])
    await transactional.abort()
    for (let i = 0; i < 1_500; i++) await plain.send([record(kilobyte, 'other')])
    const { texts } = await readAll()
    expect(texts.filter(text => text!.startsWith('k='))).toEqual(['k=before'])
  })

  test('settings that are none are refused', async () => {
    const misused = { code: 'LOG_MISUSED' }
    await expect(create({ 'retention.bytes': 'much' })).rejects.toMatchObject(misused)
    await expect(create({ 'cleanup.policy': 'keep' })).rejects.toMatchObject(misused)
    await expect(log.admin.createTopics([{ topic: 'a/b', partitions: 1 }])).rejects.toMatchObject(misused)
    await expect(log.admin.createTopics([{ topic: 'none', partitions: 0 }])).rejects.toMatchObject(misused)
    expect(await log.admin.listTopics()).toEqual([])
  })
})

describe('members and producers that fall silent', () => {
  beforeEach(() => log.admin.createTopics([{ topic: 'topic', partitions: 1 }]))

  test('a silent member expires, its share goes to another, and it finds out when it calls', async () => {
    const first = await join('a')
    const second = await join('b')
    await settle()
    expect([first, second].map(each => each.assignments.at(-1)!.partitions.length)).toEqual([1, 0])
    log.silence('a')
    timers.advance(4_999)
    await settle()
    expect(second.assignments).toHaveLength(1)
    timers.advance(1)
    await settle()
    expect(second.assignments.at(-1)!.partitions).toHaveLength(1)
    expect(first.assignments).toHaveLength(1)

    const position = { topic: 'topic', partition: 0, position: 1 }
    await expect(first.consumer.commit([position])).rejects.toMatchObject({ code: 'LOG_REBALANCED' })
    expect(first.lost).toBe(1)
    await settle()
    expect(first.assignments).toHaveLength(2)
    expect(first.assignments[1]!.memberId).not.toBe(first.assignments[0]!.memberId)
    await first.consumer.heartbeat()
  })

  test('a call before the session ends is a sign of life', async () => {
    const member = await join('a')
    await settle()
    log.silence('a')
    timers.advance(4_999)
    await member.consumer.heartbeat()
    timers.advance(100_000)
    await settle()
    expect(member.lost).toBe(0)
    expect(member.assignments).toHaveLength(1)
  })

  test('a member that is only waited for keeps its membership', async () => {
    const member = await join('a')
    await settle()
    timers.advance(3_600_000)
    await member.consumer.heartbeat()
    expect(member.lost).toBe(0)
  })

  test('a transaction left open is aborted in time, and its producer fenced', async () => {
    const producer = await newProducer('id')
    const plain = await newProducer()
    producer.begin()
    await producer.send([record('open')])
    await plain.send([record('after')])
    expect((await log.admin.offsets('topic'))[0]!.end).toBe(0)
    timers.advance(60_000)
    expect((await readAll()).texts).toEqual(['=after'])
    await expect(producer.commit()).rejects.toMatchObject({ code: 'LOG_FENCED' })
    await expect(producer.abort()).rejects.toMatchObject({ code: 'LOG_MISUSED' })
  })

  test('closing a producer aborts its open transaction', async () => {
    const producer = await newProducer('id')
    producer.begin()
    await producer.send([record('open')])
    await producer.close()
    expect((await log.admin.offsets('topic'))[0]!.end).toBe(2)
    expect((await readAll()).texts).toEqual([])
  })

  test('an assignor that forgets or doubles a partition stops its group, loudly', async () => {
    const doubled: Assignor = (members, topics) => {
      const [share] = allToFirst(members, topics).values()
      return new Map([[members[0]!.memberId, [...share!, ...share!]]])
    }
    for (const broken of [() => new Map(), doubled]) {
      const member = await join('a', broken)
      await expect(member.consumer.poll(1)).rejects.toMatchObject({ code: 'LOG_MISUSED' })
      await member.consumer.close()
    }
  })
})

describe('polls', () => {
  beforeEach(() => log.admin.createTopics([{ topic: 'topic', partitions: 2 }]))

  test('deliver a bounded amount, from every partition in turn', async () => {
    await log.close()
    log = openLog({ pollBytes: 10_000 })
    await log.admin.createTopics([{ topic: 'topic', partitions: 2 }])
    const producer = await newProducer()
    for (let i = 0; i < 100; i++) {
      await producer.send([record(kilobyte), { ...record(kilobyte), partition: 1 }])
    }
    const reader = await log.reader({ clientId: 'reader' })
    for (const partition of [0, 1]) reader.seek({ topic: 'topic', partition }, 0)
    let count = 0
    for (let polls = 0; count < 200; polls++) {
      const batches = await reader.poll(0)
      expect(new Set(batches.map(({ partition }) => partition)).size).toBe(2)
      expect(batches.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThanOrEqual(10_000)
      count += batches.length
      expect(polls).toBeLessThan(100)
    }
  })

  test('let others run: a loop of polls and sends does not starve the event loop', async () => {
    const producer = await newProducer()
    const reader = await log.reader({ clientId: 'reader' })
    reader.seek({ topic: 'topic', partition: 0 }, 0)
    let others = 0
    const count = (): void => {
      others++
      if (others < 50) setImmediate(count)
    }
    setImmediate(count)
    for (let i = 0; i < 100 && others < 50; i++) {
      await producer.send([record('x')])
      await reader.poll(0)
    }
    expect(others).toBe(50)
  })

  test('that wait end in time, on the injected clock', async () => {
    const reader = await log.reader({ clientId: 'reader' })
    reader.seek({ topic: 'topic', partition: 0 }, 0)
    let answered = false
    const polling = reader.poll(500).then(batches => {
      answered = true
      return batches
    })
    await settle()
    timers.advance(499)
    await settle()
    expect(answered).toBe(false)
    timers.advance(1)
    expect(await polling).toEqual([])
  })

  test('that wait are ended by closing, and two at once are refused', async () => {
    const member = await join('a')
    const polling = member.consumer.poll(1_000_000)
    await settle()
    await expect(member.consumer.poll(0)).rejects.toMatchObject({ code: 'LOG_MISUSED' })
    await member.consumer.close()
    expect(await polling).toEqual([])
  })

  test('go on at the first record still there when their position is gone', async () => {
    await log.admin.createTopics([{ topic: 'short', partitions: 1, config: { 'retention.bytes': '2000' } }])
    const producer = await newProducer()
    for (let i = 0; i < 10; i++) await producer.send([{ ...record(kilobyte), topic: 'short' }])
    const reader = await log.reader({ clientId: 'reader' })
    reader.seek({ topic: 'short', partition: 0 }, 0)
    const batches = await reader.poll(0)
    expect(batches[0]!.baseOffset).toBe((await log.admin.offsets('short'))[0]!.start)
  })

  test('of a topic that is deleted meanwhile fail', async () => {
    const reader = await log.reader({ clientId: 'reader' })
    reader.seek({ topic: 'topic', partition: 0 }, 0)
    const failed = expect(reader.poll(1_000_000)).rejects.toMatchObject({ code: 'LOG_UNKNOWN_TOPIC' })
    await settle()
    await log.admin.deleteTopics(['topic'])
    await failed
  })
})

test('the same random numbers give the same names', async () => {
  const identities: string[] = []
  for (const seed of [0.25, 0.25, 0.75]) {
    const seeded = memoryLog({ random: () => seed })
    await seeded.admin.createTopics([{ topic: 'topic', partitions: 1 }])
    identities.push((await seeded.admin.describeTopic('topic'))!.identity)
    await seeded.close()
  }
  expect(identities[0]).toBe(identities[1])
  expect(identities[0]).not.toBe(identities[2])
})

test('a closed log opens nothing more', async () => {
  const reader = await log.reader({ clientId: 'reader' })
  await log.close()
  await expect(reader.poll(0)).rejects.toMatchObject({ code: 'LOG_MISUSED' })
  await expect(log.reader({ clientId: 'reader' })).rejects.toMatchObject({ code: 'LOG_MISUSED' })
  await expect(log.producer({ clientId: 'producer' })).rejects.toMatchObject({ code: 'LOG_MISUSED' })
})
