import { describe, expect, test } from 'vitest'
import { RecordCursor } from '../record-batch.ts'
import { type Kit, SENTINEL, Walk } from './kit.ts'

export function readerContract(kit: Kit): void {
  const {
    deadline,
    unique,
    newTopic,
    newProducer,
    newReader,
    record,
    sendValues,
    transaction,
    until,
    pollInto,
    readFrom,
    contents,
  } = kit
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
      await until(
        'the end of both transactions',
        async () => (await kit.log.admin.offsets(topic))[0]!.end >= 4,
      )
      const { end } = (await kit.log.admin.offsets(topic))[0]!
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
}
