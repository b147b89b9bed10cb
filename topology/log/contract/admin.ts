import { describe, expect, test } from 'vitest'
import type { Kit } from './kit.ts'

export function adminContract(kit: Kit): void {
  const { unique, newTopic, opened, newProducer, newReader, record, sendValues, until, contents, values } =
    kit
  describe('admin', () => {
    test('describes and lists topics', async () => {
      const topic = await newTopic(3, { 'cleanup.policy': 'compact' })
      const described = await kit.log.admin.describeTopic(topic)
      expect(described).toMatchObject({ topic, partitions: 3, config: { 'cleanup.policy': 'compact' } })
      expect(described!.identity).not.toBe('')
      expect(await kit.log.admin.listTopics()).toContain(topic)
      expect(await kit.log.admin.describeTopic(unique('missing'))).toBeUndefined()
    })

    test('says how large a batch a topic takes, by its own setting or by default', async () => {
      const small = await newTopic(1, { 'max.message.bytes': '5000' })
      expect((await kit.log.admin.describeTopic(small))?.batchLimit).toBe(5000)
      expect((await kit.log.admin.describeTopic(await newTopic()))?.batchLimit).toBe(1_048_588)
    })

    test('shows topics as an operator looks at them', async () => {
      const topic = await newTopic(2, { 'retention.bytes': '87654321' })
      const producer = await newProducer(unique('id'))
      await kit.transaction(producer, true, topic, 'a', 'b')
      producer.begin()
      await sendValues(producer, topic, 'open')
      const [state] = await kit.log.admin.topicStates([topic, unique('missing')])
      const { partitions, settings, ...rest } = state!
      expect(rest).toEqual({ topic, internal: false })
      expect(settings).toContainEqual({ name: 'retention.bytes', value: '87654321', own: true })
      expect(settings.filter(each => each.name === 'min.insync.replicas' && each.own)).toEqual([])
      // Two records and the marker of their transaction; not the one that is still open.
      expect(partitions.map(({ partition, start, end }) => ({ partition, start, end }))).toEqual([
        { partition: 0, start: 0, end: 3 },
        { partition: 1, start: 0, end: 0 },
      ])
      for (const { leader, replicas, inSync } of partitions) {
        const nodes = leader === undefined ? [] : [leader]
        expect({ replicas, inSync }).toEqual({ replicas: nodes, inSync: nodes })
      }
      expect(partitions[0]!.bytes).toBeGreaterThan(partitions[1]!.bytes!)
      expect((await kit.log.admin.topicStates()).map(each => each.topic)).toContain(topic)
      expect(await kit.log.admin.topicStates([unique('missing')])).toEqual([])
      await producer.abort()
    })

    test('leaves existing topics as they are', async () => {
      const topic = await newTopic(2)
      const producer = await newProducer()
      await sendValues(producer, topic, 'a')
      const before = await kit.log.admin.describeTopic(topic)
      const other = unique('topic')
      await kit.log.admin.createTopics([
        { topic, partitions: 5 },
        { topic: other, partitions: 1 },
      ])
      expect(await kit.log.admin.describeTopic(topic)).toEqual(before)
      expect((await kit.log.admin.describeTopic(other))?.partitions).toBe(1)
      expect((await contents(topic, 2)).length).toBe(1)
    })

    test('a topic deleted and made again is empty and another one', async () => {
      const topic = await newTopic()
      const producer = await newProducer()
      await sendValues(producer, topic, 'a')
      const before = await kit.log.admin.describeTopic(topic)
      await kit.log.admin.deleteTopics([topic])
      await until('the deletion', async () => (await kit.log.admin.describeTopic(topic)) === undefined)
      await kit.log.admin.createTopics([{ topic, partitions: 1 }])
      const after = await kit.log.admin.describeTopic(topic)
      expect(after!.identity).not.toBe(before!.identity)
      expect(await values(topic)).toEqual([])
    })

    test('says where partitions begin and end', async () => {
      const topic = await newTopic(2)
      const producer = await newProducer()
      const offsets = await kit.log.admin.offsets(topic)
      expect([...offsets].sort((a, b) => a.partition - b.partition)).toEqual([
        { partition: 0, start: 0, end: 0 },
        { partition: 1, start: 0, end: 0 },
      ])
      const [sent] = await producer.send([record(topic, 'a'), record(topic, 'b')])
      await until('the end', async () => {
        const found = (await kit.log.admin.offsets(topic)).find(each => each.partition === 0)
        return found?.end === sent!.position
      })
      await expect(kit.log.admin.offsets(unique('missing'))).rejects.toMatchObject({
        code: 'LOG_UNKNOWN_TOPIC',
      })
    })

    test('finds the first record of a time or later, and the end where there is none', async () => {
      const topic = await newTopic(2)
      const producer = await newProducer()
      for (const timestamp of [10, 30, 20, 40]) await producer.send([record(topic, 'x', { timestamp })])
      const at = async (time: number) =>
        (await kit.log.admin.positionsAt(topic, time)).map(({ partition, position }) => [partition, position])
      expect(await at(0)).toEqual([
        [0, 0],
        [1, 0],
      ])
      expect(await at(15)).toEqual([
        [0, 1],
        [1, 0],
      ])
      expect(await at(40)).toEqual([
        [0, 3],
        [1, 0],
      ])
      expect(await at(41)).toEqual([
        [0, 4],
        [1, 0],
      ])
      await expect(kit.log.admin.positionsAt(unique('missing'), 0)).rejects.toMatchObject({
        code: 'LOG_UNKNOWN_TOPIC',
      })
    })

    test('sets the positions of a group that has no members', async () => {
      const topic = await newTopic(2)
      const group = unique('group')
      await kit.log.admin.setPositions(group, [
        { topic, partition: 0, position: 3 },
        { topic, partition: 1, position: 4 },
      ])
      await kit.log.admin.setPositions(group, [{ topic, partition: 0, position: 1 }])
      const committed = await kit.log.admin.committed(group, [topic])
      const expected = [
        { topic, partition: 0, position: 1 },
        { topic, partition: 1, position: 4 },
      ]
      expect([...committed].sort((a, b) => a.partition - b.partition)).toEqual(expected)
      const ofAllTopics = await kit.log.admin.committed(group)
      expect([...ofAllTopics].sort((a, b) => a.partition - b.partition)).toEqual(expected)
      expect(await kit.log.admin.groupStates([group])).toEqual([{ group, state: 'Empty', members: [] }])
    })

    test('deletes the records before a position', async () => {
      const topic = await newTopic()
      const producer = await newProducer()
      await sendValues(producer, topic, 'a')
      await sendValues(producer, topic, 'b')
      await kit.log.admin.deleteRecords([{ topic, partition: 0, position: 1 }])
      await until('the new start', async () => (await kit.log.admin.offsets(topic))[0]?.start === 1)
      expect(await values(topic)).toEqual(['b'])
    })

    test('knows no positions of a group that never was, nor of one that was deleted', async () => {
      const topic = await newTopic()
      const group = unique('group')
      expect(await kit.log.admin.committed(group, [topic])).toEqual([])
      expect(await kit.log.admin.committed(group)).toEqual([])
      const producer = await newProducer(unique('id'))
      producer.begin()
      await sendValues(producer, topic, 'a')
      await producer.sendOffsets(group, [{ topic, partition: 0, position: 1 }])
      await producer.commit()
      await until('the position', async () => (await kit.log.admin.committed(group, [topic])).length > 0)
      await kit.log.admin.deleteGroup(group)
      expect(await kit.log.admin.committed(group, [topic])).toEqual([])
    })
  })

  describe('misuse is refused', () => {
    const misused = { code: 'LOG_MISUSED' }

    test('of a producer', async () => {
      const topic = await newTopic()
      const fresh = opened(await kit.log.producer({ clientId: unique('producer') }))
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
}
