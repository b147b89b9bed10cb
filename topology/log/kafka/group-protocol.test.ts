import { expect, test } from 'vitest'
import {
  assign,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './group-protocol.ts'

const owned = [
  { topic: 'a', partition: 0 },
  { topic: 'a', partition: 2 },
  { topic: 'b', partition: 1 },
]

test('a subscription and an assignment come back as they were', () => {
  const subscription = { clientId: 'node-1', topics: ['a', 'b'], owned, generation: 7, metadata: 'x' }
  expect(decodeSubscription(encodeSubscription(subscription))).toEqual(subscription)
  expect(decodeAssignment(encodeAssignment(owned, 'told'))).toEqual({ partitions: owned, metadata: 'told' })
  expect(decodeAssignment(encodeAssignment([]))).toEqual({ partitions: [], metadata: '' })
})

test('a stranger in the group is refused', () => {
  const stranger = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 123, 125])
  expect(() => decodeSubscription(stranger)).toThrow()
})

const member = (memberId: string) => ({
  memberId,
  subscription: {
    clientId: memberId,
    topics: ['a'],
    owned: [],
    generation: -1,
    metadata: `I am ${memberId}`,
  },
})
const both = [member('2'), member('1')]
const topics = new Map([['a', 2]])

test('members come sorted, and who gets nothing is told so', () => {
  const seen: string[][] = []
  const shares = assign(both, topics, {
    assignor: members => {
      seen.push(members.map(each => each.memberId))
      return new Map([['2', [0, 1].map(partition => ({ topic: 'a', partition }))]])
    },
    tell: members => new Map(members.map(({ memberId, metadata }) => [memberId, `${metadata}, am I?`])),
  })
  expect(seen).toEqual([['1', '2']])
  const told = shares.map(({ memberId, memberAssignment }) => {
    const { partitions, metadata } = decodeAssignment(memberAssignment)
    return [memberId, partitions.length, metadata]
  })
  expect(told).toEqual([
    ['1', 0, 'I am 1, am I?'],
    ['2', 2, 'I am 2, am I?'],
  ])
})

test('a partition given twice or not at all is refused', () => {
  const share = (...partitions: number[]) => partitions.map(partition => ({ topic: 'a', partition }))
  expect(() => assign(both, topics, { assignor: () => new Map([['1', share(0)]]) })).toThrow(
    'a/1 was given to no member',
  )
  const doubled = new Map([
    ['1', share(0, 1)],
    ['2', share(1)],
  ])
  expect(() => assign(both, topics, { assignor: () => doubled })).toThrow('a/1 was given to two members')
})

test('of two members that claim a partition, the one of the later generation had it', () => {
  const claim = (memberId: string, generation: number, ...partitions: number[]) => ({
    memberId,
    subscription: {
      clientId: memberId,
      topics: ['a'],
      owned: partitions.map(partition => ({ topic: 'a', partition })),
      generation,
      metadata: '',
    },
  })
  const seen: unknown[] = []
  assign([claim('1', 4, 0, 1), claim('2', 5, 1)], topics, {
    assignor: members => {
      seen.push(...members.map(each => [each.memberId, each.owned.map(tp => tp.partition)]))
      return new Map([['1', [0, 1].map(partition => ({ topic: 'a', partition }))]])
    },
  })
  expect(seen).toEqual([
    ['1', [0]],
    ['2', [1]],
  ])
})
