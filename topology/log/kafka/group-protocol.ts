/**
 * What members of a group tell each other, in the format of Kafka's consumers (so that Kafka's own tools can show it),
 * with a part of our own: `userData` is JSON and says what a member owned, for sticky assignment, and what its owner has to
 * tell; in an assignment it is what the leader tells the member.
 */
import { AssignerProtocol } from 'kafkajs'
import { z } from 'zod'
import type { Assignment, ConsumerOptions, GroupMember, TopicPartition } from '../log.ts'

/** Members of a group must agree on it. */
export const PROTOCOL_NAME = 'tickerwatch'

const userData = z.object({
  clientId: z.string(),
  owned: z.record(z.string(), z.array(z.number())),
  generation: z.number(),
  metadata: z.string().default(''),
})

export interface Subscription {
  readonly clientId: string
  readonly topics: readonly string[]
  readonly owned: readonly TopicPartition[]
  /** In which it owned them; -1 for a newcomer. */
  readonly generation: number
  /** What the consumer's owner tells the other members. */
  readonly metadata: string
}

export function encodeSubscription({ topics, owned, ...rest }: Subscription): Buffer {
  const data = JSON.stringify({ ...rest, owned: byTopic(owned) })
  return AssignerProtocol.MemberMetadata.encode({
    version: 0,
    topics: [...topics],
    userData: Buffer.from(data),
  })
}

export function decodeSubscription(metadata: Buffer): Subscription {
  const decoded = AssignerProtocol.MemberMetadata.decode(metadata)
  if (decoded === null) throw new Error('a member of the group says nothing about itself')
  const { owned, ...rest } = userData.parse(JSON.parse(decoded.userData.toString()))
  return { ...rest, topics: decoded.topics, owned: flat(owned) }
}

/** @param metadata what the leader tells the member */
export function encodeAssignment(partitions: readonly TopicPartition[], metadata = ''): Buffer {
  return AssignerProtocol.MemberAssignment.encode({
    version: 0,
    assignment: byTopic(partitions),
    userData: Buffer.from(metadata),
  })
}

export function decodeAssignment(bytes: Buffer): Pick<Assignment, 'partitions' | 'metadata'> {
  const decoded = AssignerProtocol.MemberAssignment.decode(bytes)
  return { partitions: flat(decoded?.assignment ?? {}), metadata: decoded?.userData.toString() ?? '' }
}

/** @throws what the assignor throws, or an Error when it did not give every partition to exactly one member */
export function assign(
  members: readonly { readonly memberId: string; readonly subscription: Subscription }[],
  topics: ReadonlyMap<string, number>,
  { assignor, tell }: Pick<ConsumerOptions, 'assignor' | 'tell'>,
): { memberId: string; memberAssignment: Buffer }[] {
  const sorted = members
    .map(({ memberId, subscription: { clientId, owned, generation, metadata } }): GroupMember => {
      const still = owned.filter(tp => !isOwnedSince(tp, generation, members))
      return { memberId, clientId, owned: still, metadata }
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
  const told = tell?.(sorted, shares, topics)
  return sorted.map(({ memberId }) => ({
    memberId,
    memberAssignment: encodeAssignment(shares.get(memberId) ?? [], told?.get(memberId)),
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
