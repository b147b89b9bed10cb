import fc from 'fast-check'
import { expect, it } from 'vitest'
import { stickyAssignor, tellPlacement } from './assignor.ts'
import type { GroupMember, TopicPartition } from './log/log.ts'
import { encodeMember, placementOf, tasksOf } from './placement.ts'

const id = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`
const groups = [['a', 'b'], ['c']]

const situations = fc.record({
  partitions: fc.integer({ min: 1, max: 12 }),
  others: fc.integer({ min: 1, max: 7 }),
  before: fc.integer({ min: 1, max: 5 }),
  after: fc.integer({ min: 1, max: 5 }),
})

function membersOf(count: number, owned: ReadonlyMap<string, readonly TopicPartition[]>): GroupMember[] {
  return Array.from({ length: count }, (_, i) => ({
    memberId: `m${i}`,
    clientId: `m${i}`,
    owned: owned.get(`m${i}`) ?? [],
  }))
}

it('gives each partition to one member, evenly, co-partitioned, and moves no more than it must', () => {
  fc.assert(
    fc.property(situations, ({ partitions, others, before, after }) => {
      const assign = stickyAssignor(groups)
      const topics = new Map([
        ['a', partitions],
        ['b', partitions],
        ['c', others],
      ])
      const first = assign(membersOf(before, new Map()), topics)
      const second = assign(membersOf(after, first), topics)
      const all = [...second.values()].flat().map(id).sort()
      expect(new Set(all).size).toBe(all.length)
      expect(all).toHaveLength(2 * partitions + others)
      const tasks = [...second.values()].map(share => share.filter(tp => tp.topic !== 'b').length)
      expect(Math.max(...tasks) - Math.min(...tasks)).toBeLessThanOrEqual(1)
      for (const share of second.values()) {
        const has = (topic: string) =>
          share
            .filter(tp => tp.topic === topic)
            .map(tp => tp.partition)
            .sort()
        expect(has('a')).toEqual(has('b'))
      }
      // A member that stays keeps its tasks as far as its even share goes.
      const room = Math.floor((partitions + others) / after)
      for (const [memberId, share] of second) {
        const owned = (first.get(memberId) ?? []).filter(tp => tp.topic !== 'b').map(id)
        const kept = share.map(id).filter(each => owned.includes(each))
        expect(kept.length).toBeGreaterThanOrEqual(Math.min(owned.length, room))
      }
    }),
  )
})

const many = fc.record({
  partitions: fc.integer({ min: 1, max: 12 }),
  others: fc.integer({ min: 1, max: 7 }),
  /** Of each member: its process, and of some tasks how far their state reaches. */
  members: fc.array(
    fc.record({
      node: fc.integer({ min: 0, max: 4 }),
      positions: fc.dictionary(
        fc.constantFrom('0_0', '0_1', '0_2', '0_3', '1_0', '1_1'),
        fc.integer({ min: 0, max: 40_000 }),
      ),
    }),
    { minLength: 1, maxLength: 6 },
  ),
  replicas: fc.integer({ min: 0, max: 2 }),
})

it('keeps standbys beside no copy of their task, as many as there are processes for, and evenly', () => {
  fc.assert(
    fc.property(many, ({ partitions, others, members, replicas }) => {
      const topics = topicsOf(partitions, others)
      const group = members.map(({ node, positions }, i): GroupMember => {
        const metadata = encodeMember({ node: `n${node}`, endpoint: undefined, positions, refused: [] })
        return { memberId: `m${i}`, clientId: `m${i}`, owned: [], metadata }
      })
      const shares = stickyAssignor(groups)(group, topics)
      const told = tellPlacement(groups, replicas)(group, shares, topics)
      const tasks = tasksOf(groups, topics)
      const placement = placementOf(told.get('m0'))
      const processes = new Set(members.map(({ node }) => node)).size
      for (const { name } of tasks) {
        const active = placement.nodes.filter(each => each.active.includes(name))
        const standby = placement.nodes.filter(each => each.standby.includes(name))
        expect(active).toHaveLength(1)
        const holders = [...active, ...standby].map(({ node }) => node)
        expect(new Set(holders).size).toBe(holders.length)
        expect(standby).toHaveLength(Math.min(replicas, processes - 1))
      }
      const actives = placement.nodes.map(({ active }) => active.length)
      expect(Math.max(...actives) - Math.min(...actives)).toBeLessThanOrEqual(1)
      for (const [i, { standby }] of placement.nodes.entries())
        expect(placementOf(told.get(`m${i}`)).standby).toEqual(standby)
      // Where each member is a process, none keeps more than twice its part.
      if (processes === members.length && replicas === 1)
        for (const { standby } of placement.nodes)
          expect(standby.length).toBeLessThanOrEqual(2 * Math.ceil(tasks.length / members.length))
    }),
    { numRuns: 500 },
  )
})

it('gives what must move to whom has its state, and moves first what others have', () => {
  const topics = topicsOf(4, 1)
  const member = (memberId: string, owned: readonly TopicPartition[], positions: Record<string, number>) => {
    const metadata = encodeMember({ node: memberId, endpoint: undefined, positions, refused: [] })
    return { memberId, clientId: memberId, owned, metadata }
  }
  const a = (partition: number) => [
    { topic: 'a', partition },
    { topic: 'b', partition },
  ]
  const c = { topic: 'c', partition: 0 }
  // The owner of 0_0 and 0_1 is gone. One has caught up with the first, the other with the second.
  const orphans = stickyAssignor(groups)(
    [
      member('x', [...a(2), c], { '0_0': 5, '0_1': 50_000 }),
      member('y', a(3), { '0_0': 50_000, '0_1': 40_000 }),
    ],
    topics,
  )
  expect(orphans.get('x')).toEqual(expect.arrayContaining(a(1)))
  expect(orphans.get('y')).toEqual(expect.arrayContaining(a(0)))
  // One that has all must give up two: those whose state the newcomer has.
  const moved = stickyAssignor(groups)(
    [
      member('x', [...[0, 1, 2, 3].flatMap(a), c], { '0_0': 9, '0_1': 9, '0_2': 9, '0_3': 9, '1_0': 9 }),
      member('y', [], { '0_1': 8, '1_0': 9 }),
    ],
    topics,
  )
  expect(moved.get('y')).toEqual(expect.arrayContaining([...a(1), c]))
  // A task that a member cannot run goes to another, if there is one.
  const refused = stickyAssignor(groups)(
    [
      {
        ...member('x', [...[0, 1, 2, 3].flatMap(a), c], {}),
        metadata: encodeMember({
          node: 'x',
          endpoint: undefined,
          positions: {},
          refused: ['0_0', '0_1', '0_2', '1_0'],
        }),
      },
      member('y', [], {}),
    ],
    topics,
  )
  expect(refused.get('x')).toEqual(a(3))
})

function topicsOf(partitions: number, others: number): ReadonlyMap<string, number> {
  return new Map([
    ['a', partitions],
    ['b', partitions],
    ['c', others],
  ])
}
