/**
 * What the members of a group tell each other about tasks: where the state of which lies and how far it reaches, and, from
 * the leader to all, who runs which task and who keeps a standby of it. The group carries it as text beside its own.
 */
import { z } from 'zod'
import type { GroupMember, TopicPartition } from './log/log.ts'
import { taskName } from './plan.ts'

const memberInfo = z.object({
  node: z.string(),
  endpoint: z.string().optional(),
  positions: z.record(z.string(), z.number()),
  refused: z.array(z.string()),
})

/** One member, as it joins. */
export interface MemberInfo {
  /** The process it belongs to: a task and its standbys are kept apart. */
  readonly node: string
  /** `host:port` where its stores can be read; absent if nowhere. */
  readonly endpoint?: string | undefined
  /** Tasks whose state lies here, with the changelog offsets that it reflects, added up. 0: not known. */
  readonly positions: Readonly<Record<string, number>>
  /** Tasks that it cannot run, because their state was written by a newer version. */
  readonly refused: readonly string[]
}

const placement = z.object({
  standby: z.array(z.string()),
  nodes: z.array(
    z.object({
      node: z.string(),
      endpoint: z.string().optional(),
      active: z.array(z.string()),
      standby: z.array(z.string()),
    }),
  ),
})

/** The tasks of one member. */
export interface NodeTasks {
  readonly node: string
  readonly endpoint?: string | undefined
  readonly active: readonly string[]
  readonly standby: readonly string[]
}

export interface Placement {
  /** The standbys that the member told is to keep. */
  readonly standby: readonly string[]
  /** Of every member. */
  readonly nodes: readonly NodeTasks[]
}

export const nowhere: Placement = { standby: [], nodes: [] }

export function encodeMember(info: MemberInfo): string {
  return JSON.stringify(info)
}

/** A member that says nothing of itself is a process of its own. @throws what is no MemberInfo */
export function infoOf({ metadata, clientId }: GroupMember): MemberInfo {
  if (metadata === undefined || metadata === '') return { node: clientId, positions: {}, refused: [] }
  return memberInfo.parse(JSON.parse(metadata))
}

/** What a member with this assignment was told. */
export function placementOf(metadata: string | undefined): Placement {
  return metadata === undefined || metadata === '' ? nowhere : placement.parse(JSON.parse(metadata))
}

/** A task and the partitions that it reads. */
export interface AssignedTask {
  readonly name: string
  readonly partitions: readonly TopicPartition[]
}

/** @param groups the source topics of each sub-topology */
export function tasksOf(
  groups: readonly (readonly string[])[],
  topics: ReadonlyMap<string, number>,
): AssignedTask[] {
  return groups.flatMap((group, subTopology) => {
    const count = Math.max(0, ...group.map(topic => topics.get(topic) ?? 0))
    return Array.from({ length: count }, (_, partition) => ({
      name: taskName({ subTopology, partition }),
      partitions: group
        .filter(topic => partition < (topics.get(topic) ?? 0))
        .map(topic => ({ topic, partition })),
    }))
  })
}
