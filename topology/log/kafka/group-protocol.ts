/**
 * What members of a group tell each other, in the format of Kafka's consumers (so that Kafka's own tools can show it),
 * with a part of our own: `userData` is JSON and says what a member owned, for sticky assignment.
 */
import { AssignerProtocol } from 'kafkajs'
import { z } from 'zod'
import type { Assignor, GroupMember, TopicPartition } from '../log.ts'

/** Members of a group must agree on it. */
export const PROTOCOL_NAME = 'tickerwatch'

const userData = z.object({
  clientId: z.string(),
  owned: z.record(z.string(), z.array(z.number())),
  generation: z.number(),
})

export interface Subscription {
  readonly clientId: string
  readonly topics: readonly string[]
  readonly owned: readonly TopicPartition[]
  /** In which it owned them; -1 for a newcomer. */
  readonly generation: number
}

export function encodeSubscription({ clientId, topics, owned, generation }: Subscription): Buffer {
  const data = JSON.stringify({ clientId, owned: byTopic(owned), generation })
  return AssignerProtocol.MemberMetadata.encode({
    version: 0,
    topics: [...topics],
    userData: Buffer.from(data),
  })
}

export function decodeSubscription(metadata: Buffer): Subscription {
  const decoded = AssignerProtocol.MemberMetadata.decode(metadata)
  if (decoded === null) throw new Error('a member of the group says nothing about itself')
  const { clientId, owned, generation } = userData.parse(JSON.parse(decoded.userData.toString()))
  return { clientId, topics: decoded.topics, owned: flat(owned), generation }
}

export function encodeAssignment(partitions: readonly TopicPartition[]): Buffer {
  return AssignerProtocol.MemberAssignment.encode({
    version: 0,
    assignment: byTopic(partitions),
    userData: Buffer.alloc(0),
  })
}

export function decodeAssignment(bytes: Buffer): TopicPartition[] {
  return flat(AssignerProtocol.MemberAssignment.decode(bytes)?.assignment ?? {})
}

/** @throws what the assignor throws, or an Error when it did not give every partition to exactly one member */
export function assign(
  members: readonly { readonly memberId: string; readonly subscription: Subscription }[],
  topics: ReadonlyMap<string, number>,
  assignor: Assignor,
): { memberId: string; memberAssignment: Buffer }[] {
  const sorted = members
    .map(({ memberId, subscription: { clientId, owned, generation } }): GroupMember => {
      return { memberId, clientId, owned: owned.filter(tp => !isOwnedSince(tp, generation, members)) }
    })
    .sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
  const shares = assignor(sorted, topics)
  const given = [...shares.values()].flat().map(tp => `${tp.topic}/${tp.partition}`)
  const expected = [...topics].flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, n) => `${topic}/${n}`),
  )
  const missing = expected.find(name => !given.includes(name))
  const doubled = given.find((name, index) => given.indexOf(name) !== index)
  if (missing !== undefined) throw new Error(`${missing} was given to no member`)
  if (doubled !== undefined) throw new Error(`${doubled} was given to two members`)
  return sorted.map(({ memberId }) => ({
    memberId,
    memberAssignment: encodeAssignment(shares.get(memberId) ?? []),
  }))
}

/** Whether another member owned it in a later generation, of which this one has not heard. */
function isOwnedSince(
  { topic, partition }: TopicPartition,
  generation: number,
  members: readonly { readonly subscription: Subscription }[],
): boolean {
  return members.some(
    ({ subscription }) =>
      subscription.generation > generation &&
      subscription.owned.some(tp => tp.topic === topic && tp.partition === partition),
  )
}

function byTopic(partitions: readonly TopicPartition[]): Record<string, number[]> {
  const result: Record<string, number[]> = {}
  for (const { topic, partition } of partitions) result[topic] = [...(result[topic] ?? []), partition]
  return result
}

function flat(topics: Readonly<Record<string, readonly number[]>>): TopicPartition[] {
  return Object.entries(topics).flatMap(([topic, partitions]) =>
    partitions.map(partition => ({ topic, partition })),
  )
}
