import fc from 'fast-check'
import { expect, it } from 'vitest'
import { stickyAssignor } from './assignor.ts'
import type { GroupMember, TopicPartition } from './log/log.ts'

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
