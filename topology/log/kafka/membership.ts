/**
 * Membership in a consumer group (Kafka's classic group protocol): join, take over what the leader of the group assigns,
 * send heartbeats, join again when the group says that it rebalances.
 *
 *     joining --assigned--> stable --the group rebalances--> joining
 *                           stable --unknown to the group--> joining, as a new member
 *
 * It does not depend on polling: a member that is busy or paused stays one as long as its event loop turns.
 */
import type { Broker } from 'kafkajs/src/cluster/index.js'
import { TickerError } from '../../errors.ts'
import type { Assignment, CommittedOffset, ConsumerOptions, TopicPartition } from '../log.ts'
import type { Cluster } from './cluster.ts'
import { answerOf, isTemporary, toTickerError } from './errors.ts'
import {
  assign,
  decodeAssignment,
  decodeSubscription,
  encodeSubscription,
  PROTOCOL_NAME,
} from './group-protocol.ts'

/** Milliseconds. */
const SESSION_TIMEOUT = 10_000
/** How long the group waits for members that are late to join again. */
const REBALANCE_TIMEOUT = 10_000
const SHORTEST_HEARTBEAT = 100
const LONGEST_HEARTBEAT = 500
const BACKOFF = 100
/** How long the coordinator may be away. */
const PATIENCE = 60_000

const NO_MEMBER = ''

export interface MembershipOptions extends ConsumerOptions {
  /** Connections of its own: a join is answered only when all members have joined. */
  readonly joining: Cluster
  /** Connections for short requests. */
  readonly cluster: Cluster
  /** The membership cannot go on. */
  readonly onFailed: (error: TickerError) => void
}

export class Membership {
  readonly #options: MembershipOptions
  #memberId = NO_MEMBER
  /** Undefined while joining. */
  #assignment: Assignment | undefined
  #owned: readonly TopicPartition[] = []
  /** A predecessor with this client id, or a join whose answer was lost, may have left a member that nobody is. */
  #mayHaveGhost = true
  /** Asked to join again since it last told what it has to tell. */
  #wantsToJoin = false
  /** The last one in which this member was assigned anything. */
  #generation: number | undefined
  #closed = false
  /** Cuts the wait for the next heartbeat short. */
  #hurry: () => void = () => {}
  #running: Promise<void> | undefined

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  /** Joins in the background. */
  start(): void {
    this.#running = this.#run()
  }

  /** @throws TickerError LOG_REBALANCED */
  async commit(offsets: readonly CommittedOffset[]): Promise<void> {
    const assignment = this.#current()
    const { group, cluster } = this.#options
    const topics = new Set(offsets.map(each => each.topic))
    const request = {
      groupId: group,
      groupGenerationId: assignment.generation,
      memberId: assignment.memberId,
      topics: [...topics].map(topic => ({
        topic,
        partitions: offsets
          .filter(each => each.topic === topic)
          .map(({ partition, position }) => ({ partition, offset: String(position), metadata: null })),
      })),
    }
    await this.#asking(`cannot commit for group ${group}`, async () => {
      await (await cluster.groupCoordinator(group)).offsetCommit(request)
    })
  }

  /** @throws TickerError LOG_REBALANCED */
  async heartbeat(): Promise<void> {
    const { generation, memberId } = this.#current()
    const { group, cluster } = this.#options
    await this.#asking(`cannot reach group ${group}`, async () => {
      const coordinator = await cluster.groupCoordinator(group)
      await coordinator.heartbeat({ groupId: group, groupGenerationId: generation, memberId })
    })
  }

  /**
   * Joins again, as the same member. The group divides the work anew because the subscription differs from the last one: by
   * the generation it names, if by nothing else.
   */
  rejoin(): void {
    this.#wantsToJoin = true
    this.#assignment = undefined
    this.#hurry()
  }

  /** Leaves the group, so that the others need not wait for the session to expire. */
  async close(): Promise<void> {
    this.#closed = true
    this.#hurry()
    const { group, cluster, joining } = this.#options
    const memberId = this.#memberId
    const leave = async (): Promise<void> => {
      const coordinator = await cluster.groupCoordinator(group)
      // A first join under way has no answer yet that says who this member is.
      if (memberId === NO_MEMBER) await this.#evict(coordinator)
      else await coordinator.leaveGroup({ groupId: group, memberId })
    }
    // The group may have forgotten this member, or be gone: then there is nothing to leave.
    await leave().catch(() => {})
    await joining.close()
    await this.#running
  }

  #current(): Assignment {
    if (this.#assignment !== undefined) return this.#assignment
    throw new TickerError('LOG_REBALANCED', `group ${this.#options.group} is rebalancing`)
  }

  /** A call of the owner. What the group answers is news for the background too. */
  async #asking(doing: string, request: () => Promise<void>): Promise<void> {
    const assignment = this.#assignment
    try {
      await this.#options.cluster.retrying(doing, request)
    } catch (error) {
      const failed = toTickerError(error, doing)
      if (failed.code === 'LOG_REBALANCED' && this.#assignment === assignment) this.#hurry()
      throw failed
    }
  }

  async #run(): Promise<void> {
    let failingSince: number | undefined
    while (!this.#closed) {
      try {
        if (this.#assignment === undefined) await this.#join()
        else await this.#beat(this.#assignment)
        failingSince = undefined
      } catch (error) {
        if (this.#closed) return
        if (this.#takeAnswer(error)) continue
        failingSince ??= Date.now()
        if (!isTemporary(error) || Date.now() - failingSince > PATIENCE) {
          this.#options.onFailed(toTickerError(error, `cannot be a member of group ${this.#options.group}`))
          return
        }
        await this.#pause(BACKOFF)
        await this.#options.joining.recover().catch(() => {})
      }
    }
  }

  /** Whether the error is an answer of the group that says how to go on. */
  #takeAnswer(error: unknown): boolean {
    const answer = answerOf(error)
    if (answer === 'REBALANCE_IN_PROGRESS' || answer === 'ILLEGAL_GENERATION') {
      this.#assignment = undefined
      return true
    }
    if (answer === 'UNKNOWN_MEMBER_ID') {
      const wasMember = this.#assignment !== undefined || this.#owned.length > 0
      this.#memberId = NO_MEMBER
      this.#generation = undefined
      this.#assignment = undefined
      this.#owned = []
      if (wasMember) this.#options.onLost?.()
      return true
    }
    return false
  }

  async #beat({ generation, memberId }: Assignment): Promise<void> {
    const { group, joining, sessionTimeout = SESSION_TIMEOUT } = this.#options
    await this.#pause(Math.min(LONGEST_HEARTBEAT, Math.max(SHORTEST_HEARTBEAT, sessionTimeout / 10)))
    if (this.#closed) return
    const coordinator = await joining.groupCoordinator(group)
    await coordinator.heartbeat({ groupId: group, groupGenerationId: generation, memberId })
  }

  async #join(): Promise<void> {
    const { group, clientId, topics, joining, sessionTimeout = SESSION_TIMEOUT } = this.#options
    await joining.know(topics)
    const coordinator = await joining.groupCoordinator(group)
    if (this.#mayHaveGhost && this.#memberId === NO_MEMBER) await this.#evict(coordinator)
    this.#mayHaveGhost = true
    this.#wantsToJoin = false
    const metadata = encodeSubscription({
      clientId,
      topics,
      owned: this.#owned,
      generation: this.#generation ?? -1,
      metadata: this.#options.metadata?.() ?? '',
    })
    const joined = await coordinator.joinGroup({
      groupId: group,
      sessionTimeout,
      rebalanceTimeout: REBALANCE_TIMEOUT,
      memberId: this.#memberId,
      groupProtocols: [{ name: PROTOCOL_NAME, metadata }],
    })
    this.#mayHaveGhost = false
    this.#memberId = joined.memberId
    const shares = joined.leaderId === joined.memberId ? await this.#divide(joined.members) : []
    const { memberAssignment } = await coordinator.syncGroup({
      groupId: group,
      generationId: joined.generationId,
      memberId: joined.memberId,
      groupAssignment: shares,
    })
    if (this.#closed) return
    const { partitions, metadata: told } = decodeAssignment(memberAssignment)
    // Joined but not told the share of: in that generation others may have worked on what this member still holds.
    const missed = this.#generation !== undefined && joined.generationId > this.#generation + 1
    this.#generation = joined.generationId
    this.#owned = partitions
    if (missed) this.#options.onLost?.()
    const { generationId, memberId } = joined
    this.#assignment = { generation: generationId, memberId, partitions, metadata: told }
    this.#options.onAssigned(this.#assignment)
    // What this member has to tell has changed since it was told.
    if (this.#wantsToJoin) this.#assignment = undefined
  }

  /** Leads the group: divides what its members subscribe to. */
  async #divide(members: readonly { memberId: string; memberMetadata: Buffer }[]) {
    const { joining, group } = this.#options
    try {
      const decoded = members.map(({ memberId, memberMetadata }) => ({
        memberId,
        subscription: decodeSubscription(memberMetadata),
      }))
      const topics = [...new Set(decoded.flatMap(each => each.subscription.topics))]
      await joining.know(topics)
      await joining.recover()
      return assign(
        decoded,
        new Map(topics.map(topic => [topic, joining.partitions(topic).length])),
        this.#options,
      )
    } catch (error) {
      if (isTemporary(error) || answerOf(error) !== undefined) throw error
      throw new TickerError('LOG_MISUSED', `the assignor of group ${group} failed: ${error}`, {
        cause: error,
      })
    }
  }

  /** Removes members that have this client id: they are dead, and the group would wait for their sessions to expire. */
  async #evict(coordinator: Broker): Promise<void> {
    const { group, clientId } = this.#options
    const groups = await membersOf(coordinator, group)
    for (const { memberId } of groups
      .flatMap(each => each.members)
      .filter(each => each.clientId === clientId)) {
      try {
        await coordinator.leaveGroup({ groupId: group, memberId })
      } catch (error) {
        if (answerOf(error) !== 'UNKNOWN_MEMBER_ID') throw error
      }
    }
  }

  async #pause(milliseconds: number): Promise<void> {
    if (this.#closed) return
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, milliseconds)
      this.#hurry = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#hurry = () => {}
  }
}

/**
 * None where the coordinator cannot say: after a restart Kafka 4.4 may hold a group for stable that has no members left, and fails
 * to describe it (UNKNOWN) until somebody joins.
 */
async function membersOf(coordinator: Broker, group: string) {
  try {
    return (await coordinator.describeGroups({ groupIds: [group] })).groups
  } catch (error) {
    if (answerOf(error) !== 'UNKNOWN') throw error
    return []
  }
}
