import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CommittedOffset } from '../log.ts'
import type { Kit } from './kit.ts'

/** @param runs random histories tried */
export function transactionsContract(kit: Kit, runs: number): void {
  const {
    unique,
    newTopic,
    newProducer,
    record,
    sendValues,
    transaction,
    until,
    pollInto,
    readFrom,
    contents,
    values,
  } = kit
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
      expect((await kit.log.admin.offsets(topic))[0]).toMatchObject({ end: walk.records[0]!.offset + 1 })
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
      expect(await kit.log.admin.committed(group, [topic])).toEqual([])
    })

    test('who goes on from a position gets that of the last transaction, however soon after it', async () => {
      const topic = await newTopic(2)
      const group = unique('group')
      const tp = { topic, partition: 0 }
      const stable = () => kit.log.admin.stablePositions(group, [tp])
      expect(await stable()).toEqual([])
      const producer = await newProducer(unique('id'))
      for (let position = 1; position <= 20; position++) {
        producer.begin()
        await sendValues(producer, topic, `${position}`)
        await producer.sendOffsets(group, [{ ...tp, position }])
        await producer.commit()
        expect(await stable()).toEqual([{ ...tp, position }])
      }
    })

    test('positions become visible with the commit, and not without it', async () => {
      const topic = await newTopic(2)
      const group = unique('group')
      const producer = await newProducer(unique('id'))
      const position = async (): Promise<readonly CommittedOffset[]> =>
        kit.log.admin.committed(group, [topic])
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
}
