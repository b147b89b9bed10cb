/**
 * What every log must do, as a suite that runs on each of them. It takes a log as it is found: a real broker does many
 * things a moment later, so it waits for conditions with a deadline; one send need not be one batch, offsets may have
 * gaps, and topics of earlier runs may be there.
 */
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type {
  Assignment,
  Assignor,
  CommittedOffset,
  Consumer,
  GroupMember,
  Headers,
  Log,
  Producer,
  ProducerRecord,
  Reader,
  TopicPartition,
} from './log.ts'
import { type RecordBatch, RecordCursor } from './record-batch.ts'

export interface LogContractOptions {
  /** Milliseconds after which a condition that was waited for counts as failed. Default 20,000. */
  readonly deadline?: number
  /** Random histories tried by the property test. Default 50. */
  readonly runs?: number
}

interface ReadRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Headers
}

/** Walks delivered batches as the engine does: keeps a position per partition, copies what it keeps. */
class Walk {
  readonly records: ReadRecord[] = []
  readonly positions = new Map<number, number>()
  readonly #cursor = new RecordCursor()

  take(batches: readonly RecordBatch[]): void {
    for (const batch of batches) {
      const { partition } = batch
      this.#cursor.reset(batch, this.positions.get(partition) ?? 0)
      while (this.#cursor.next()) {
        const { offset, timestamp, key, value } = this.#cursor
        this.records.push({
          partition,
          offset,
          timestamp,
          key: key && Buffer.from(key),
          value: value && Buffer.from(value),
          headers: this.#cursor.headers().map(([name, bytes]) => [name, Buffer.from(bytes)] as const),
        })
      }
      this.positions.set(partition, batch.lastOffset + 1)
    }
  }

  seek(partition: number, position: number): void {
    this.positions.set(partition, position)
  }

  values(partition?: number): (string | undefined)[] {
    return this.records
      .filter(record => partition === undefined || record.partition === partition)
      .map(record => record.value?.toString())
  }
}

const SENTINEL = 'contract-sentinel'

/** Gives every partition to the members in turn; who owned one keeps it as long as the shares stay even. */
const sticky: Assignor = (members, topics) => {
  const all = [...topics].flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, partition) => ({ topic, partition })),
  )
  const shares = new Map<string, TopicPartition[]>(members.map(({ memberId }) => [memberId, []]))
  const most = Math.ceil(all.length / members.length)
  const rest = all.filter(tp => {
    const owner = members.find(({ owned }) => owned.some(each => isSame(each, tp)))
    const share = owner && shares.get(owner.memberId)
    if (share === undefined || share.length >= most) return true
    share.push(tp)
    return false
  })
  for (const tp of rest) [...shares.values()].sort((a, b) => a.length - b.length)[0]!.push(tp)
  return shares
}

function isSame(a: TopicPartition, b: TopicPartition): boolean {
  return a.topic === b.topic && a.partition === b.partition
}

export function logContract(
  name: string,
  open: () => Promise<{ log: Log; close(): Promise<void> }>,
  { deadline = 20_000, runs = 50 }: LogContractOptions = {},
): void {
  describe(`log ${name}`, { timeout: 4 * deadline }, () => {
    let log: Log
    let closeLog: () => Promise<void>
    const clients: { close(): Promise<void> }[] = []

    beforeAll(async () => {
      const opened = await open()
      log = opened.log
      closeLog = opened.close
    }, 4 * deadline)

    afterEach(async () => {
      for (const client of clients.splice(0)) await client.close()
    })

    afterAll(async () => {
      await closeLog()
    })

    const unique = (what: string): string => `contract-${what}-${randomUUID().slice(0, 8)}`

    const newTopic = async (partitions = 1, config: Record<string, string> = {}): Promise<string> => {
      const topic = unique('topic')
      await log.admin.createTopics([{ topic, partitions, config: { 'retention.ms': '-1', ...config } }])
      return topic
    }

    const opened = <Client extends { close(): Promise<void> }>(client: Client): Client => {
      clients.push(client)
      return client
    }

    const newProducer = async (transactionalId?: string): Promise<Producer> => {
      const producer = opened(await log.producer({ clientId: unique('producer'), transactionalId }))
      await producer.init()
      return producer
    }

    const newReader = async (): Promise<Reader> => opened(await log.reader({ clientId: unique('reader') }))

    const record = (
      topic: string,
      value: string | null,
      more: Partial<ProducerRecord> = {},
    ): ProducerRecord => ({
      topic,
      partition: 0,
      key: null,
      value: value === null ? null : Buffer.from(value),
      timestamp: 1_000,
      ...more,
    })

    const sendValues = async (producer: Producer, topic: string, ...values: string[]): Promise<void> => {
      await producer.send(values.map(value => record(topic, value)))
    }

    const transaction = async (
      producer: Producer,
      commit: boolean,
      topic: string,
      ...values: string[]
    ): Promise<void> => {
      producer.begin()
      await sendValues(producer, topic, ...values)
      if (commit) await producer.commit()
      else await producer.abort()
    }

    /** Does `step` again and again until `holds`. */
    const until = async (
      what: string,
      holds: () => boolean | Promise<boolean>,
      step: () => Promise<unknown> = () => new Promise(resolve => setTimeout(resolve, 20)),
    ): Promise<void> => {
      const end = Date.now() + deadline
      while (!(await holds())) {
        if (Date.now() > end) throw new Error(`waited ${deadline} ms in vain: ${what}`)
        await step()
      }
    }

    const pollInto = async (source: Reader | Consumer, walk: Walk, wait = 100): Promise<void> =>
      walk.take(await source.poll(wait))

    /** The first offset that a sought partition had; positions are relative to it where a test counts. */
    const readFrom = async (
      topic: string,
      partition: number,
      position: number,
    ): Promise<{ reader: Reader; walk: Walk }> => {
      const reader = await newReader()
      const walk = new Walk()
      walk.seek(partition, position)
      reader.seek({ topic, partition }, position)
      return { reader, walk }
    }

    /**
     * All records of the topic. A sentinel is written behind them: whoever reads committed records reaches it only
     * when every earlier transaction has ended.
     */
    const contents = async (topic: string, partitions = 1): Promise<ReadRecord[]> => {
      const producer = await newProducer()
      const sentinels = Array.from({ length: partitions }, (_, partition) =>
        record(topic, SENTINEL, { partition, key: Buffer.from(SENTINEL) }),
      )
      await producer.send(sentinels)
      const reader = await newReader()
      const walk = new Walk()
      for (let partition = 0; partition < partitions; partition++) reader.seek({ topic, partition }, 0)
      const isSentinel = (read: ReadRecord): boolean => read.value?.toString() === SENTINEL
      await until(
        `the end of ${topic}`,
        () => walk.records.filter(isSentinel).length === partitions,
        () => pollInto(reader, walk),
      )
      return walk.records.filter(read => !isSentinel(read))
    }

    const values = async (topic: string): Promise<(string | undefined)[]> =>
      (await contents(topic)).map(read => read.value?.toString())

    describe('records', () => {
      test('come back as they were written', async () => {
        const topic = await newTopic(2)
        const producer = await newProducer()
        const bytes = (...values: number[]): Buffer => Buffer.from(values)
        const written: ProducerRecord[] = [
          record(topic, 'plain', { key: Buffer.from('key') }),
          record(topic, null, { key: Buffer.from('deleted') }),
          record(topic, '', { key: Buffer.alloc(0) }),
          record(topic, null),
          record(topic, 'epoch', { timestamp: 0 }),
          record(topic, 'far', { timestamp: 4_102_444_800_000 }),
          record(topic, 'back', { timestamp: 1 }),
          record(topic, 'zeros', { key: bytes(0, 0, 0, 0) }),
          record(topic, 'high', { key: bytes(255, 128, 0), value: bytes(0, 255, 254, 10) }),
          record(topic, 'headed', {
            headers: [
              ['trace', Buffer.from('1')],
              ['Überschrift', Buffer.alloc(0)],
              ['trace', bytes(0, 255)],
            ],
          }),
          record(topic, 'x'.repeat(100_000)),
          record(topic, 'other', { partition: 1 }),
        ]
        await producer.send(written)
        const read = await contents(topic, 2)
        for (const partition of [0, 1]) {
          const expected = written.filter(each => each.partition === partition)
          const found = read.filter(each => each.partition === partition)
          expect(found.map(({ offset, ...rest }) => rest)).toEqual(
            expected.map(({ topic, headers, ...rest }) => ({ ...rest, headers: headers ?? [] })),
          )
        }
      })

      test('keep their order, and offsets rise, over many sends of which none is awaited', async () => {
        const topic = await newTopic()
        const producer = await newProducer()
        const expected = Array.from({ length: 200 }, (_, i) => String(i))
        await Promise.all(expected.map(value => sendValues(producer, topic, value)))
        const read = await contents(topic)
        expect(read.map(each => each.value?.toString())).toEqual(expected)
        for (let i = 1; i < read.length; i++) expect(read[i]!.offset).toBeGreaterThan(read[i - 1]!.offset)
      })

      test('larger together than any one batch may be arrive all the same', async () => {
        const topic = await newTopic()
        const producer = await newProducer()
        const sent = Array.from({ length: 3_000 }, (_, i) => record(topic, `${i}:`.padEnd(1_000, '.')))
        await producer.send(sent)
        expect(await values(topic)).toEqual(sent.map(each => each.value?.toString()))
      })

      test('a send answers with the position after its last record, per partition', async () => {
        const topic = await newTopic(2)
        const producer = await newProducer()
        await sendValues(producer, topic, 'before')
        const positions = await producer.send([
          record(topic, 'a'),
          record(topic, 'b', { partition: 1 }),
          record(topic, 'c'),
        ])
        const read = await contents(topic, 2)
        const offsetOf = (value: string): number =>
          read.find(each => each.value?.toString() === value)!.offset
        expect([...positions].sort((a, b) => a.partition - b.partition)).toEqual([
          { topic, partition: 0, position: offsetOf('c') + 1 },
          { topic, partition: 1, position: offsetOf('b') + 1 },
        ])
      })

      test('an empty send does nothing', async () => {
        const topic = await newTopic()
        const producer = await newProducer()
        expect(await producer.send([])).toEqual([])
        expect(await values(topic)).toEqual([])
      })

      test('one too large is refused and stores nothing', async () => {
        const topic = await newTopic()
        const producer = await newProducer()
        await expect(producer.send([record(topic, 'x'.repeat(3 << 20))])).rejects.toMatchObject({
          code: 'LOG_RECORD_TOO_LARGE',
        })
        expect(await values(topic)).toEqual([])
      })

      test('for a topic or partition that does not exist are refused', async () => {
        const topic = await newTopic()
        const producer = await newProducer()
        await expect(producer.send([record(unique('missing'), 'x')])).rejects.toMatchObject({
          code: 'LOG_UNKNOWN_TOPIC',
        })
        await expect(producer.send([record(topic, 'x', { partition: 7 })])).rejects.toMatchObject({
          code: 'LOG_UNKNOWN_TOPIC',
        })
      })
    })

    describe('reader', () => {
      test('begins where it is told, also in the middle of a batch', async () => {
        const topic = await newTopic()
        const producer = await newProducer()
        await sendValues(producer, topic, ...'abcdefghij')
        const offsets = (await contents(topic)).map(each => each.offset)
        for (const from of [0, 3, 9]) {
          const { reader, walk } = await readFrom(topic, 0, offsets[from]!)
          await until(
            'the last record',
            () => walk.values().includes('j'),
            () => pollInto(reader, walk),
          )
          expect(walk.values().join('').replace(SENTINEL, '')).toBe('abcdefghij'.slice(from))
        }
      })

      test('can be moved back and forth, whatever was fetched', async () => {
        const topic = await newTopic()
        const producer = await newProducer()
        await sendValues(producer, topic, ...'abc')
        await sendValues(producer, topic, ...'def')
        const offsets = (await contents(topic)).map(each => each.offset)
        const { reader, walk } = await readFrom(topic, 0, 0)
        await until(
          'f',
          () => walk.values().includes('f'),
          () => pollInto(reader, walk),
        )
        for (const from of [1, 4, 0]) {
          const again = new Walk()
          again.seek(0, offsets[from]!)
          reader.seek({ topic, partition: 0 }, offsets[from]!)
          await until(
            'f',
            () => again.values().includes('f'),
            () => pollInto(reader, again),
          )
          expect(again.values().join('').replace(SENTINEL, '')).toBe('abcdef'.slice(from))
        }
      })

      test('reads several partitions and topics, each in its order', async () => {
        const topics = [await newTopic(2), await newTopic(1)]
        const places = topics.flatMap((topic, i) =>
          (i === 0 ? [0, 1] : [0]).map(partition => ({ topic, partition })),
        )
        const producer = await newProducer()
        const reader = await newReader()
        const sent = Array.from({ length: 60 }, (_, i) => record('', String(i), places[i % 3]))
        for (const place of places) reader.seek(place, 0)
        for (const each of sent) await producer.send([each])
        const read = new Map<string, string[]>()
        const cursor = new RecordCursor()
        const count = (): number => [...read.values()].flat().length
        await until(
          'all records',
          () => count() >= 60,
          async () => {
            for (const batch of await reader.poll(100)) {
              const name = `${batch.topic}/${batch.partition}`
              cursor.reset(batch, 0)
              while (cursor.next()) read.set(name, [...(read.get(name) ?? []), cursor.value!.toString()])
            }
          },
        )
        for (const [i, { topic, partition }] of places.entries()) {
          expect(read.get(`${topic}/${partition}`)).toEqual(
            Array.from({ length: 20 }, (_, n) => String(n * 3 + i)),
          )
        }
      })

      test('a poll that waits is woken by a record; at the end it answers with nothing', async () => {
        const topic = await newTopic()
        const producer = await newProducer()
        await sendValues(producer, topic, 'a')
        const { reader, walk } = await readFrom(topic, 0, 0)
        await until(
          'a',
          () => walk.values().includes('a'),
          () => pollInto(reader, walk),
        )
        await pollInto(reader, walk, 50)
        expect(walk.values()).toEqual(['a'])
        const waiting = until(
          'b',
          () => walk.values().includes('b'),
          () => pollInto(reader, walk, 5_000),
        )
        await sendValues(producer, topic, 'b')
        await waiting
        expect(walk.values()).toEqual(['a', 'b'])
      })

      test('reaches the end also where markers and aborted records lie before it', async () => {
        const topic = await newTopic()
        const producer = await newProducer(unique('id'))
        await transaction(producer, true, topic, 'kept')
        await transaction(producer, false, topic, 'dropped')
        await until('the end of both transactions', async () => (await log.admin.offsets(topic))[0]!.end >= 4)
        const { end } = (await log.admin.offsets(topic))[0]!
        const { reader, walk } = await readFrom(topic, 0, 0)
        await until(
          'the end',
          () => (walk.positions.get(0) ?? 0) >= end,
          () => pollInto(reader, walk),
        )
        expect(walk.values()).toEqual(['kept'])
      })

      test('of a topic that does not exist fails', async () => {
        const reader = await newReader()
        const read = async (): Promise<void> => {
          reader.seek({ topic: unique('missing'), partition: 0 }, 0)
          for (const end = Date.now() + deadline; Date.now() < end; ) await reader.poll(100)
        }
        await expect(read()).rejects.toMatchObject({ code: 'LOG_UNKNOWN_TOPIC' })
      })
    })

    describe('transactions', () => {
      test('committed records are read, aborted ones never', async () => {
        const topic = await newTopic()
        const producer = await newProducer(unique('id'))
        await transaction(producer, true, topic, 'a', 'b')
        await transaction(producer, false, topic, 'c')
        await transaction(producer, true, topic, 'd')
        await transaction(producer, false, topic, 'e', 'f')
        expect(await values(topic)).toEqual(['a', 'b', 'd'])
      })

      test('one transaction spans partitions', async () => {
        const topic = await newTopic(2)
        const producer = await newProducer(unique('id'))
        for (const commit of [true, false]) {
          producer.begin()
          await producer.send([record(topic, `${commit}`), record(topic, `${commit}`, { partition: 1 })])
          await (commit ? producer.commit() : producer.abort())
        }
        expect((await contents(topic, 2)).map(each => each.value?.toString())).toEqual(['true', 'true'])
      })

      test('an open transaction holds back what comes after it, until it ends', async () => {
        const topic = await newTopic()
        const producer = await newProducer(unique('id'))
        const plain = await newProducer()
        await sendValues(plain, topic, 'before')
        producer.begin()
        await sendValues(producer, topic, 'open')
        await sendValues(plain, topic, 'after')
        const { reader, walk } = await readFrom(topic, 0, 0)
        await until(
          'before',
          () => walk.values().includes('before'),
          () => pollInto(reader, walk),
        )
        await pollInto(reader, walk, 200)
        expect(walk.values()).toEqual(['before'])
        expect((await log.admin.offsets(topic))[0]).toMatchObject({ end: walk.records[0]!.offset + 1 })
        await producer.commit()
        await until(
          'after',
          () => walk.values().includes('after'),
          () => pollInto(reader, walk),
        )
        expect(walk.values()).toEqual(['before', 'open', 'after'])
      })

      test('overlapping ones that abort in the reverse order of their begin leave nothing', async () => {
        const topic = await newTopic()
        const [first, second] = [await newProducer(unique('id')), await newProducer(unique('id'))]
        first.begin()
        await sendValues(first, topic, 'first 1')
        second.begin()
        await sendValues(second, topic, 'second 1')
        await sendValues(first, topic, 'first 2')
        await second.abort()
        await sendValues(first, topic, 'first 3')
        await first.abort()
        await transaction(second, true, topic, 'second 2')
        expect(await values(topic)).toEqual(['second 2'])
      })

      test('overlapping ones end independently', async () => {
        const topic = await newTopic()
        const [first, second] = [await newProducer(unique('id')), await newProducer(unique('id'))]
        first.begin()
        await sendValues(first, topic, 'a1')
        second.begin()
        await sendValues(second, topic, 'b1')
        await sendValues(first, topic, 'a2')
        await second.abort()
        second.begin()
        await sendValues(second, topic, 'b2')
        await first.commit()
        await second.commit()
        expect(await values(topic)).toEqual(['a1', 'a2', 'b2'])
      })

      test('a key that looks like an abort marker ends nothing', async () => {
        const topic = await newTopic()
        const producer = await newProducer(unique('id'))
        producer.begin()
        const zeros = { key: Buffer.alloc(4) }
        await producer.send([record(topic, 'a', zeros), record(topic, 'b'), record(topic, 'c', zeros)])
        await producer.send([record(topic, 'd')])
        await producer.abort()
        await transaction(producer, true, topic, 'e')
        expect(await values(topic)).toEqual(['e'])
      })

      test('initialising an id again ends its open transaction', async () => {
        const topic = await newTopic()
        const id = unique('id')
        const first = await newProducer(id)
        first.begin()
        await sendValues(first, topic, 'left open')
        const second = await newProducer(id)
        await transaction(second, true, topic, 'next')
        expect(await values(topic)).toEqual(['next'])
      })

      test('a fenced producer can neither send nor commit, and its successor goes on', async () => {
        const topic = await newTopic()
        const group = unique('group')
        for (const call of ['send', 'sendOffsets', 'commit'] as const) {
          const id = unique('id')
          const first = await newProducer(id)
          first.begin()
          await sendValues(first, topic, `zombie ${call}`)
          const second = await newProducer(id)
          second.begin()
          await sendValues(second, topic, call)
          const attempts = {
            send: () => sendValues(first, topic, 'zombie again'),
            sendOffsets: () => first.sendOffsets(group, [{ topic, partition: 0, position: 99 }]),
            commit: () => first.commit(),
          }
          await expect(attempts[call]()).rejects.toMatchObject({ code: 'LOG_FENCED' })
          await second.commit()
        }
        expect(await values(topic)).toEqual(['send', 'sendOffsets', 'commit'])
        expect(await log.admin.committed(group, [topic])).toEqual([])
      })

      test('positions become visible with the commit, and not without it', async () => {
        const topic = await newTopic(2)
        const group = unique('group')
        const producer = await newProducer(unique('id'))
        const position = async (): Promise<readonly CommittedOffset[]> => log.admin.committed(group, [topic])
        producer.begin()
        await sendValues(producer, topic, 'a')
        await producer.sendOffsets(group, [{ topic, partition: 0, position: 5 }])
        expect(await position()).toEqual([])
        await producer.commit()
        await until('the position', async () => (await position()).length > 0)
        expect(await position()).toEqual([{ topic, partition: 0, position: 5 }])

        producer.begin()
        await sendValues(producer, topic, 'b')
        await producer.sendOffsets(group, [
          { topic, partition: 0, position: 6 },
          { topic, partition: 1, position: 1 },
        ])
        await producer.abort()
        // The next transaction's position can only be seen when the aborted one has been decided.
        producer.begin()
        await sendValues(producer, topic, 'c')
        await producer.sendOffsets(group, [{ topic, partition: 0, position: 7 }])
        await producer.commit()
        await until('the position', async () => (await position())[0]?.position !== 5)
        expect(await position()).toEqual([{ topic, partition: 0, position: 7 }])
      })

      test('random interleaved ones leave what a simple model says', async () => {
        const producers = [
          await newProducer(unique('id')),
          await newProducer(unique('id')),
          await newProducer(unique('id')),
        ]
        const plain = await newProducer()
        const step = fc.record({
          producer: fc.integer({ min: 0, max: 3 }),
          act: fc.constantFrom('send', 'send', 'send', 'commit', 'abort'),
          records: fc.array(
            fc.record({
              partition: fc.integer({ min: 0, max: 1 }),
              key: fc.constantFrom(
                null,
                Buffer.alloc(0),
                Buffer.alloc(4),
                Buffer.of(0, 0, 0, 1),
                Buffer.from('k'),
              ),
            }),
            { minLength: 1, maxLength: 5 },
          ),
        })
        await fc.assert(
          fc.asyncProperty(fc.array(step, { maxLength: 25 }), async steps => {
            const topic = await newTopic(2)
            const written: { value: string; partition: number; kept: boolean }[] = []
            const open = new Map<number, (typeof written)[number][]>()
            const end = async (index: number, commit: boolean): Promise<void> => {
              const pending = open.get(index)
              if (pending === undefined) return
              open.delete(index)
              await (commit ? producers[index]!.commit() : producers[index]!.abort())
              for (const each of pending) each.kept = commit
            }
            for (const [number, { producer: index, act, records }] of steps.entries()) {
              if (act !== 'send') {
                await end(index, act === 'commit')
                continue
              }
              const producer = producers[index]
              const entries = records.map((each, i) => ({
                value: `${number}.${i}`,
                partition: each.partition,
                kept: producer === undefined,
              }))
              if (producer !== undefined && !open.has(index)) {
                producer.begin()
                open.set(index, [])
              }
              await (producer ?? plain).send(
                entries.map(({ value, partition }, i) =>
                  record(topic, value, { partition, key: records[i]!.key }),
                ),
              )
              written.push(...entries)
              open.get(index)?.push(...entries)
            }
            for (const index of [...open.keys()]) await end(index, index % 2 === 0)
            const read = await contents(topic, 2)
            for (const partition of [0, 1]) {
              expect(
                read.filter(each => each.partition === partition).map(each => each.value?.toString()),
              ).toEqual(
                written.filter(each => each.partition === partition && each.kept).map(each => each.value),
              )
            }
          }),
          { numRuns: runs },
        )
      })
    })

    describe('groups', () => {
      interface Member {
        readonly consumer: Consumer
        readonly assignments: Assignment[]
        readonly walk: Walk
        readonly partitions: () => number[]
      }

      const join = async (
        group: string,
        topic: string,
        seen: (readonly GroupMember[])[] = [],
      ): Promise<Member> => {
        const assignments: Assignment[] = []
        const consumer = opened(
          await log.consumer({
            group,
            clientId: unique('member'),
            topics: [topic],
            assignor: (members, topics) => {
              seen.push(members)
              return sticky(members, topics)
            },
            onAssigned: assignment => {
              assignments.push(assignment)
            },
          }),
        )
        const partitions = (): number[] =>
          (assignments.at(-1)?.partitions ?? []).map(tp => tp.partition).sort((a, b) => a - b)
        return { consumer, assignments, walk: new Walk(), partitions }
      }

      const pollAll = async (...members: readonly Member[]): Promise<void> => {
        await Promise.all(members.map(({ consumer, walk }) => pollInto(consumer, walk)))
      }

      const assigned = (count: number, ...members: readonly Member[]): Promise<void> =>
        until(
          `${count} partitions of each member`,
          () =>
            members.every(member => member.assignments.length > 0 && member.partitions().length === count),
          () => pollAll(...members),
        )

      /** Reads on from the group's committed positions. */
      const start = async (group: string, topic: string, member: Member): Promise<void> => {
        const committed = await log.admin.committed(group, [topic])
        const { partitions } = member.assignments.at(-1)!
        for (const tp of partitions) {
          const position = committed.find(each => isSame(each, tp))?.position ?? 0
          member.walk.seek(tp.partition, position)
          member.consumer.seek(tp, position)
        }
        member.consumer.resume(partitions)
      }

      const sendNumbers = async (
        topic: string,
        partitions: number,
        from: number,
        to: number,
      ): Promise<void> => {
        const producer = await newProducer()
        const records = Array.from({ length: to - from }, (_, i) =>
          record(topic, String(from + i), { partition: (from + i) % partitions }),
        )
        await producer.send(records)
      }

      const sorted = (...members: readonly Member[]): number[] =>
        members.flatMap(({ walk }) => walk.values().map(Number)).sort((a, b) => a - b)

      test('a lone member owns every partition, and each starts paused', async () => {
        const topic = await newTopic(3)
        const group = unique('group')
        await sendNumbers(topic, 3, 0, 9)
        const member = await join(group, topic)
        await assigned(3, member)
        await pollAll(member)
        expect(member.walk.records).toEqual([])
        expect(member.assignments.at(-1)!.memberId).not.toBe('')
        await start(group, topic, member)
        await until(
          'all records',
          () => member.walk.records.length >= 9,
          () => pollAll(member),
        )
        expect(sorted(member)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
        await member.consumer.heartbeat()
      })

      test('two members share; when one leaves the other has all, and is told what each had', async () => {
        const topic = await newTopic(4)
        const group = unique('group')
        const seen: (readonly GroupMember[])[] = []
        const first = await join(group, topic, seen)
        await assigned(4, first)
        const second = await join(group, topic, seen)
        await assigned(2, first, second)
        expect([...first.partitions(), ...second.partitions()].sort()).toEqual([0, 1, 2, 3])
        const shared = seen.at(-1)!
        expect(shared.map(({ owned }) => owned.length).sort()).toEqual([0, 4])
        expect(shared.map(({ memberId }) => memberId)).toEqual(shared.map(({ memberId }) => memberId).sort())

        const kept = first.partitions()
        const generation = first.assignments.at(-1)!.generation
        await second.consumer.close()
        await assigned(4, first)
        expect(first.assignments.at(-1)!.generation).toBeGreaterThan(generation)
        expect(seen.at(-1)!.map(({ owned }) => owned.map(tp => tp.partition).sort())).toEqual([kept])
      })

      test('after a new assignment nothing is delivered until the partition is sought and resumed', async () => {
        const topic = await newTopic(2)
        const group = unique('group')
        await sendNumbers(topic, 2, 0, 10)
        const first = await join(group, topic)
        await assigned(2, first)
        await start(group, topic, first)
        await until(
          'all records',
          () => first.walk.records.length >= 10,
          () => pollAll(first),
        )
        const second = await join(group, topic)
        await assigned(1, first, second)
        await sendNumbers(topic, 2, 10, 20)
        const before = first.walk.records.length
        await pollAll(first, second)
        await pollAll(first, second)
        expect(first.walk.records.length).toBe(before)
        expect(second.walk.records).toEqual([])

        const stale = new Map([0, 1].map(partition => [partition, first.walk.positions.get(partition) ?? 0]))
        for (const member of [first, second]) {
          for (const tp of member.assignments.at(-1)!.partitions) {
            member.walk.seek(tp.partition, stale.get(tp.partition)!)
            member.consumer.seek(tp, stale.get(tp.partition)!)
            member.consumer.resume([tp])
          }
        }
        await until(
          'the rest',
          () => sorted(first, second).length >= 20,
          () => pollAll(first, second),
        )
        expect(sorted(first, second)).toEqual(Array.from({ length: 20 }, (_, i) => i))
        const own = second.partitions()[0]!
        expect(second.walk.records.every(read => read.partition === own)).toBe(true)
        expect(first.walk.records.slice(before).every(read => read.partition !== own)).toBe(true)
      })

      test('seeking and resuming what belongs to another does nothing', async () => {
        const topic = await newTopic(2)
        const group = unique('group')
        await sendNumbers(topic, 2, 0, 10)
        const first = await join(group, topic)
        const second = await join(group, topic)
        await assigned(1, first, second)
        first.consumer.seek({ topic, partition: second.partitions()[0]! }, 0)
        first.consumer.resume([{ topic, partition: second.partitions()[0]! }])
        await start(group, topic, first)
        await until(
          'its records',
          () => first.walk.records.length >= 5,
          () => pollAll(first),
        )
        await pollAll(first)
        expect(first.walk.records.map(read => read.partition)).toEqual(Array(5).fill(first.partitions()[0]))
      })

      test('who no longer owns a partition cannot commit its position', async () => {
        const topic = await newTopic(2)
        const group = unique('group')
        const first = await join(group, topic)
        await assigned(2, first)
        const second = await join(group, topic)
        await assigned(1, first, second)
        const lost = { topic, partition: second.partitions()[0]! }
        await expect(first.consumer.commit([{ ...lost, position: 3 }])).rejects.toMatchObject({
          code: 'LOG_REBALANCED',
        })
        await second.consumer.commit([{ ...lost, position: 2 }])
        await until('the position', async () => (await log.admin.committed(group, [topic])).length > 0)
        expect(await log.admin.committed(group, [topic])).toEqual([{ ...lost, position: 2 }])
      })

      test('positions outlive the members', async () => {
        const topic = await newTopic(2)
        const group = unique('group')
        await sendNumbers(topic, 2, 0, 10)
        const first = await join(group, topic)
        await assigned(2, first)
        await start(group, topic, first)
        await until(
          'all records',
          () => first.walk.records.length >= 10,
          () => pollAll(first),
        )
        const positions = [...first.walk.positions].map(([partition, position]) => ({
          topic,
          partition,
          position,
        }))
        await first.consumer.commit(positions)
        await first.consumer.close()
        await sendNumbers(topic, 2, 10, 14)

        const again = await join(group, topic)
        await assigned(2, again)
        await start(group, topic, again)
        await until(
          'the rest',
          () => again.walk.records.length >= 4,
          () => pollAll(again),
        )
        await pollAll(again)
        expect(sorted(again)).toEqual([10, 11, 12, 13])
      })

      test('a paused partition is not delivered, the others are; resumed it goes on where it was', async () => {
        const topic = await newTopic(2)
        const group = unique('group')
        const member = await join(group, topic)
        await assigned(2, member)
        await start(group, topic, member)
        member.consumer.pause([{ topic, partition: 0 }])
        await sendNumbers(topic, 2, 0, 10)
        await until(
          'partition 1',
          () => member.walk.values(1).length >= 5,
          () => pollAll(member),
        )
        await pollAll(member)
        expect(member.walk.values(0)).toEqual([])
        member.consumer.resume([{ topic, partition: 0 }])
        await until(
          'partition 0',
          () => member.walk.values(0).length >= 5,
          () => pollAll(member),
        )
        expect(sorted(member)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      })

      test('two groups each read everything', async () => {
        const topic = await newTopic(1)
        await sendNumbers(topic, 1, 0, 5)
        const groups = [unique('group'), unique('group')]
        const members = [await join(groups[0]!, topic), await join(groups[1]!, topic)]
        await assigned(1, ...members)
        for (const [i, member] of members.entries()) await start(groups[i]!, topic, member)
        await until(
          'all',
          () => members.every(each => each.walk.records.length >= 5),
          () => pollAll(...members),
        )
        for (const member of members) expect(sorted(member)).toEqual([0, 1, 2, 3, 4])
      })

      test('a topic that does not exist cannot be joined', async () => {
        await expect(join(unique('group'), unique('missing'))).rejects.toMatchObject({
          code: 'LOG_UNKNOWN_TOPIC',
        })
      })

      test('a closed member is refused', async () => {
        const topic = await newTopic()
        const member = await join(unique('group'), topic)
        await assigned(1, member)
        await member.consumer.close()
        await member.consumer.close()
        await expect(member.consumer.poll(0)).rejects.toMatchObject({ code: 'LOG_MISUSED' })
        await expect(member.consumer.heartbeat()).rejects.toMatchObject({ code: 'LOG_MISUSED' })
        await expect(member.consumer.commit([])).rejects.toMatchObject({ code: 'LOG_MISUSED' })
      })
    })

    describe('admin', () => {
      test('describes and lists topics', async () => {
        const topic = await newTopic(3, { 'cleanup.policy': 'compact' })
        const described = await log.admin.describeTopic(topic)
        expect(described).toMatchObject({ topic, partitions: 3, config: { 'cleanup.policy': 'compact' } })
        expect(described!.identity).not.toBe('')
        expect(await log.admin.listTopics()).toContain(topic)
        expect(await log.admin.describeTopic(unique('missing'))).toBeUndefined()
      })

      test('leaves existing topics as they are', async () => {
        const topic = await newTopic(2)
        const producer = await newProducer()
        await sendValues(producer, topic, 'a')
        const before = await log.admin.describeTopic(topic)
        const other = unique('topic')
        await log.admin.createTopics([
          { topic, partitions: 5 },
          { topic: other, partitions: 1 },
        ])
        expect(await log.admin.describeTopic(topic)).toEqual(before)
        expect((await log.admin.describeTopic(other))?.partitions).toBe(1)
        expect((await contents(topic, 2)).length).toBe(1)
      })

      test('a topic deleted and made again is empty and another one', async () => {
        const topic = await newTopic()
        const producer = await newProducer()
        await sendValues(producer, topic, 'a')
        const before = await log.admin.describeTopic(topic)
        await log.admin.deleteTopics([topic])
        await until('the deletion', async () => (await log.admin.describeTopic(topic)) === undefined)
        await log.admin.createTopics([{ topic, partitions: 1 }])
        const after = await log.admin.describeTopic(topic)
        expect(after!.identity).not.toBe(before!.identity)
        expect(await values(topic)).toEqual([])
      })

      test('says where partitions begin and end', async () => {
        const topic = await newTopic(2)
        const producer = await newProducer()
        const offsets = await log.admin.offsets(topic)
        expect([...offsets].sort((a, b) => a.partition - b.partition)).toEqual([
          { partition: 0, start: 0, end: 0 },
          { partition: 1, start: 0, end: 0 },
        ])
        const [sent] = await producer.send([record(topic, 'a'), record(topic, 'b')])
        await until('the end', async () => {
          const found = (await log.admin.offsets(topic)).find(each => each.partition === 0)
          return found?.end === sent!.position
        })
        await expect(log.admin.offsets(unique('missing'))).rejects.toMatchObject({
          code: 'LOG_UNKNOWN_TOPIC',
        })
      })

      test('knows no positions of a group that never was, nor of one that was deleted', async () => {
        const topic = await newTopic()
        const group = unique('group')
        expect(await log.admin.committed(group, [topic])).toEqual([])
        const producer = await newProducer(unique('id'))
        producer.begin()
        await sendValues(producer, topic, 'a')
        await producer.sendOffsets(group, [{ topic, partition: 0, position: 1 }])
        await producer.commit()
        await until('the position', async () => (await log.admin.committed(group, [topic])).length > 0)
        await log.admin.deleteGroup(group)
        expect(await log.admin.committed(group, [topic])).toEqual([])
      })
    })

    describe('misuse is refused', () => {
      const misused = { code: 'LOG_MISUSED' }

      test('of a producer', async () => {
        const topic = await newTopic()
        const fresh = opened(await log.producer({ clientId: unique('producer') }))
        await expect(fresh.send([record(topic, 'x')])).rejects.toMatchObject(misused)
        const plain = await newProducer()
        expect(() => plain.begin()).toThrow(expect.objectContaining(misused))
        await expect(plain.commit()).rejects.toMatchObject(misused)
        await expect(plain.init()).rejects.toMatchObject(misused)
        const transactional = await newProducer(unique('id'))
        await expect(transactional.send([record(topic, 'x')])).rejects.toMatchObject(misused)
        await expect(transactional.commit()).rejects.toMatchObject(misused)
        transactional.begin()
        expect(() => transactional.begin()).toThrow(expect.objectContaining(misused))
        for (const producer of [plain, transactional]) {
          await producer.close()
          await producer.close()
          await expect(producer.send([record(topic, 'x')])).rejects.toMatchObject(misused)
        }
        expect(await values(topic)).toEqual([])
      })

      test('of a closed reader', async () => {
        const reader = await newReader()
        await reader.close()
        await reader.close()
        await expect(reader.poll(0)).rejects.toMatchObject(misused)
      })
    })
  })
}
