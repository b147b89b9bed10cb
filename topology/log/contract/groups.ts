import { describe, expect, test } from 'vitest'
import type { Assignment, Assignor, Consumer, GroupMember, TopicPartition } from '../log.ts'
import { type Kit, Walk } from './kit.ts'

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

export function groupsContract(kit: Kit): void {
  const { unique, newTopic, opened, newProducer, record, until, pollInto } = kit
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
        await kit.log.consumer({
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
        () => members.every(member => member.assignments.length > 0 && member.partitions().length === count),
        () => pollAll(...members),
      )

    /** Reads on from the group's committed positions. */
    const start = async (group: string, topic: string, member: Member): Promise<void> => {
      const committed = await kit.log.admin.committed(group, [topic])
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

    test('an operator sees who the members are and what each of them has', async () => {
      const topic = await newTopic(4)
      const group = unique('group')
      const first = await join(group, topic)
      await assigned(4, first)
      const second = await join(group, topic)
      await assigned(2, first, second)
      await until('a stable group', async () => {
        const [state] = await kit.log.admin.groupStates([group])
        return state?.state === 'Stable'
      })
      const [state] = await kit.log.admin.groupStates([group])
      const told = new Map(state!.members.map(each => [each.memberId, each]))
      expect(told.size).toBe(2)
      for (const member of [first, second]) {
        const { memberId, partitions } = member.assignments.at(-1)!
        expect(told.get(memberId)?.clientId).toMatch(/^contract-member-/)
        expect(told.get(memberId)?.partitions).toEqual(expect.arrayContaining([...partitions]))
        expect(told.get(memberId)?.partitions).toHaveLength(2)
      }
      const all = await kit.log.admin.groupStates()
      expect(all.find(each => each.group === group)).toEqual(state)
      const missing = unique('missing')
      expect(await kit.log.admin.groupStates([missing])).toEqual([
        { group: missing, state: 'Dead', members: [] },
      ])
    })

    test('a poll that waits, or else the next one, is woken up', async () => {
      const member = await join(unique('group'), await newTopic(1))
      await assigned(1, member)
      const waiting = member.consumer.poll(10 * kit.deadline)
      await new Promise(resolve => setTimeout(resolve, 20))
      member.consumer.wakeup()
      expect(await waiting).toEqual([])
      member.consumer.wakeup()
      expect(await member.consumer.poll(10 * kit.deadline)).toEqual([])
      const once = member.consumer.poll(50)
      const began = performance.now()
      await once
      expect(performance.now() - began).toBeGreaterThan(25)
    })

    test('members tell each other what they like, and are told by the leader; who has news asks for another division', async () => {
      const [group, topic] = [unique('group'), await newTopic(2)]
      const words = new Map<string, string>()
      let onAsked = (): void => {}
      const joined = async (name: string): Promise<Member> => {
        const assignments: Assignment[] = []
        const consumer = opened(
          await kit.log.consumer({
            group,
            clientId: unique(name),
            topics: [topic],
            assignor: sticky,
            metadata: () => {
              const word = words.get(name) ?? ''
              if (name === 'b') onAsked()
              return word
            },
            tell: (members, shares, topics) => {
              const said = members
                .map(({ metadata }) => metadata)
                .sort()
                .join(' ')
              return new Map(
                members.map(({ memberId, metadata }) => [
                  memberId,
                  `${metadata} of ${said}: ${shares.get(memberId)?.length} of ${topics.get(topic)}`,
                ]),
              )
            },
            onAssigned: assignment => {
              assignments.push(assignment)
            },
          }),
        )
        return { consumer, assignments, walk: new Walk(), partitions: () => [] }
      }
      words.set('a', 'red').set('b', 'blue')
      const members = [await joined('a'), await joined('b')]
      const told = (): (string | undefined)[] =>
        members.map(({ assignments }) => assignments.at(-1)?.metadata)
      const hear = (...wanted: string[]): Promise<void> =>
        until(
          wanted.join(', '),
          () => wanted.every((text, i) => told()[i] === text),
          () => pollAll(...members),
        )
      await hear('red of blue red: 1 of 2', 'blue of blue red: 1 of 2')
      words.set('b', 'green')
      members[1]!.consumer.rejoin()
      await hear('red of green red: 1 of 2', 'green of green red: 1 of 2')
      words.set('a', 'white')
      members[0]!.consumer.rejoin()
      await hear('white of green white: 1 of 2', 'green of green white: 1 of 2')
      // What it has to say changes once more when it has just been asked.
      words.set('b', 'black')
      onAsked = () => {
        onAsked = () => {}
        queueMicrotask(() => {
          words.set('b', 'grey')
          members[1]!.consumer.rejoin()
        })
      }
      members[1]!.consumer.rejoin()
      await hear('white of grey white: 1 of 2', 'grey of grey white: 1 of 2')
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
      await until('the position', async () => (await kit.log.admin.committed(group, [topic])).length > 0)
      expect(await kit.log.admin.committed(group, [topic])).toEqual([{ ...lost, position: 2 }])
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

    test('members are known by name, and keep the group’s positions their own', async () => {
      const topic = await newTopic(2)
      const group = unique('group')
      expect(await kit.log.admin.members(group)).toEqual([])
      const [one, other] = [await join(group, topic), await join(group, topic)]
      await assigned(1, one, other)
      const known = await kit.log.admin.members(group)
      const memberIds = [one, other].map(member => member.assignments.at(-1)!.memberId)
      expect(known.map(({ memberId }) => memberId).sort()).toEqual(memberIds.sort())
      expect(known.map(({ clientId }) => clientId)).toEqual([
        expect.stringMatching(/^contract-member-/),
        expect.stringMatching(/^contract-member-/),
      ])
      const positions = [{ topic, partition: 0, position: 1 }]
      await expect(kit.log.admin.setPositions(group, positions)).rejects.toMatchObject({ code: 'LOG_FAILED' })
      await one.consumer.close()
      await other.consumer.close()
      await until('the group is empty', async () => (await kit.log.admin.members(group)).length === 0)
      expect(await kit.log.admin.committed(group, [topic])).toEqual([])
      await kit.log.admin.setPositions(group, positions)
      expect(await kit.log.admin.committed(group, [topic])).toEqual(positions)
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
}
