/**
 * Divides tasks among the members of the group. Partition n of all topics of a sub-topology goes to one member
 * (co-partitioning). Sticky: a task stays where it is as long as the shares are even; members' shares differ by one task
 * at most.
 */
import type { Assignor, GroupMember, TopicPartition } from './log/log.ts'

/** @param groups the source topics of each sub-topology */
export function stickyAssignor(groups: readonly (readonly string[])[]): Assignor {
  return (members, topics) => {
    const tasks = groups.flatMap(group => tasksOf(group, topics))
    const shares = new Map<string, Task[]>(members.map(member => [member.memberId, []]))
    // The first `rest` members to ask may have one task more than the others.
    const even = Math.floor(tasks.length / members.length)
    let rest = tasks.length % members.length
    const hasRoom = (share: Task[]): boolean => share.length < even || (share.length === even && rest > 0)
    const give = (share: Task[], task: Task): void => {
      if (share.length === even) rest--
      share.push(task)
    }
    const orphans: Task[] = []
    for (const task of tasks) {
      const owner = members.find(member => owns(member, task))
      const share = owner && shares.get(owner.memberId)!
      if (share && hasRoom(share)) give(share, task)
      else orphans.push(task)
    }
    for (const task of orphans) {
      const share = [...shares.values()].filter(hasRoom).sort((a, b) => a.length - b.length)[0]!
      give(share, task)
    }
    return new Map([...shares].map(([memberId, share]) => [memberId, share.flatMap(task => task.partitions)]))
  }
}

interface Task {
  readonly partitions: readonly TopicPartition[]
}

function tasksOf(group: readonly string[], topics: ReadonlyMap<string, number>): Task[] {
  const count = Math.max(0, ...group.map(topic => topics.get(topic) ?? 0))
  return Array.from({ length: count }, (_, partition) => ({
    partitions: group
      .filter(topic => partition < (topics.get(topic) ?? 0))
      .map(topic => ({ topic, partition })),
  }))
}

function owns(member: GroupMember, task: Task): boolean {
  const first = task.partitions[0]
  return member.owned.some(tp => tp.topic === first?.topic && tp.partition === first?.partition)
}
