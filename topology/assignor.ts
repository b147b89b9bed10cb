/**
 * Divides tasks among the members of the group. Partition n of all topics of a sub-topology goes to one member
 * (co-partitioning). Sticky: a task stays where it is as long as the shares are even; members' shares differ by one task
 * at most. A task that must move goes where its state lies, to a standby that has caught up if there is one; and where a
 * member has too many, those move first whose state lies elsewhere too. Only that no member can run a task (its state
 * is too new) makes shares uneven.
 */
import type { Assignor, ConsumerOptions, GroupMember } from './log/log.ts'
import {
  type AssignedTask,
  infoOf,
  type MemberInfo,
  type NodeTasks,
  type Placement,
  tasksOf,
} from './placement.ts'

/** Offsets that a standby may lack and still count as caught up: Kafka Streams' acceptable.recovery.lag. */
const ACCEPTABLE_LAG = 10_000

/** How well a member could take a task over. */
const CAUGHT_UP = 0
const HAS_STATE = 1
const HAS_NOTHING = 2

/** A member while tasks are given out. */
interface Candidate extends MemberInfo {
  readonly member: GroupMember
  readonly share: AssignedTask[]
}

/** @param groups the source topics of each sub-topology */
export function stickyAssignor(groups: readonly (readonly string[])[]): Assignor {
  return (members, topics) => {
    const candidates = members.map((member): Candidate => ({ ...infoOf(member), member, share: [] }))
    const tasks = tasksOf(groups, topics)
    // The first `rest` members to ask may have one task more than the others.
    const even = Math.floor(tasks.length / members.length)
    let rest = tasks.length % members.length
    const hasRoom = ({ share }: Candidate): boolean =>
      share.length < even || (share.length === even && rest > 0)
    const give = ({ share }: Candidate, task: AssignedTask): void => {
      if (share.length === even) rest--
      share.push(task)
    }
    const orphans: AssignedTask[] = []
    const rivals = (task: AssignedTask): number =>
      candidates.filter(each => !owns(each, task) && readiness(candidates, each, task) === CAUGHT_UP).length
    for (const task of sortedBy(tasks, rivals)) {
      const owner = candidates.find(each => owns(each, task))
      if (owner !== undefined && canRun(owner, task) && hasRoom(owner)) give(owner, task)
      else orphans.push(task)
    }
    const best = (task: AssignedTask): number =>
      Math.min(...candidates.map(each => readiness(candidates, each, task)))
    for (const task of sortedBy(orphans, best)) {
      const able = candidates.filter(each => canRun(each, task))
      const roomy = (able.length > 0 ? able : candidates).filter(hasRoom)
      const from = roomy.length > 0 ? roomy : able
      const byLoad = sortedBy(from, each => each.share.length)
      give(sortedBy(byLoad, each => readiness(candidates, each, task))[0]!, task)
    }
    return new Map(
      candidates.map(({ member, share }) => [member.memberId, share.flatMap(task => task.partitions)]),
    )
  }
}

/**
 * Where standbys are kept: `replicas` of each task, each in another process than the task and its other standbys, as far as
 * there are so many; where the state lies already, as long as no member has more than its part. Answers by member id.
 */
export function placeStandbys(
  members: readonly GroupMember[],
  tasks: readonly AssignedTask[],
  active: ReadonlyMap<string, string>,
  replicas: number,
): ReadonlyMap<string, readonly string[]> {
  const candidates = members.map(member => ({ ...infoOf(member), member, standby: new Set<string>() }))
  const nodeOf = new Map(candidates.map(({ node, member }) => [member.memberId, node]))
  const most = Math.ceil((tasks.length * replicas) / members.length)
  const activeCount = (memberId: string): number =>
    [...active.values()].filter(owner => owner === memberId).length
  for (let replica = 0; replica < replicas; replica++) {
    for (const { name } of tasks) {
      const taken = new Set([nodeOf.get(active.get(name) ?? '')])
      for (const { node, standby } of candidates) if (standby.has(name)) taken.add(node)
      const able = candidates.filter(({ node, refused }) => !taken.has(node) && !refused.includes(name))
      const roomy = able.filter(({ standby }) => standby.size < most)
      const byLoad = sortedBy(
        roomy.length > 0 ? roomy : able,
        ({ standby, member }) => standby.size * 1000 + activeCount(member.memberId),
      )
      sortedBy(byLoad, ({ positions }) => -(positions[name] ?? -1))[0]?.standby.add(name)
    }
  }
  return new Map(candidates.map(({ member, standby }) => [member.memberId, [...standby]]))
}

/**
 * What the leader tells each member: its standbys, and the tasks of all. @param groups the source topics of each sub-topology
 */
export function tellPlacement(
  groups: readonly (readonly string[])[],
  standbyReplicas: number,
): NonNullable<ConsumerOptions['tell']> {
  return (members, shares, topics) => {
    const tasks = tasksOf(groups, topics)
    const active = new Map<string, string>()
    for (const [memberId, partitions] of shares) {
      const own = new Set(partitions.map(({ topic, partition }) => `${topic}/${partition}`))
      for (const { name, partitions: inputs } of tasks)
        if (inputs.some(({ topic, partition }) => own.has(`${topic}/${partition}`)))
          active.set(name, memberId)
    }
    const standbys = placeStandbys(members, tasks, active, standbyReplicas)
    const nodes = members.map((member): NodeTasks => {
      const { node, endpoint } = infoOf(member)
      const names = [...active].filter(([, owner]) => owner === member.memberId).map(([name]) => name)
      return { node, endpoint, active: names, standby: standbys.get(member.memberId) ?? [] }
    })
    const tell = ({ memberId }: GroupMember): Placement => ({ standby: standbys.get(memberId) ?? [], nodes })
    return new Map(members.map(member => [member.memberId, JSON.stringify(tell(member))]))
  }
}

function canRun({ refused }: Candidate, { name }: AssignedTask): boolean {
  return !refused.includes(name)
}

/** Compared with the member whose state reaches furthest: what the changelog has beyond that is not known here. */
function readiness(
  candidates: readonly Candidate[],
  { positions }: Candidate,
  { name }: AssignedTask,
): number {
  const position = positions[name]
  if (position === undefined) return HAS_NOTHING
  const furthest = Math.max(...candidates.map(each => each.positions[name] ?? 0))
  return position > 0 && furthest - position <= ACCEPTABLE_LAG ? CAUGHT_UP : HAS_STATE
}

function owns({ member }: Candidate, { partitions }: AssignedTask): boolean {
  const first = partitions[0]
  return member.owned.some(tp => tp.topic === first?.topic && tp.partition === first?.partition)
}

/** By a number, ascending; what has the same stays in order. */
function sortedBy<T>(all: readonly T[], by: (each: T) => number): T[] {
  return all
    .map(each => ({ each, rank: by(each) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ each }) => each)
}
