import { describe, expect, test } from 'vitest'
import type { ProducerRecord } from '../log.ts'
import type { Kit } from './kit.ts'

export function recordsContract(kit: Kit): void {
  const { unique, newTopic, newProducer, record, sendValues, contents, values } = kit
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
      const offsetOf = (value: string): number => read.find(each => each.value?.toString() === value)!.offset
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
}
