import { TickerError } from '../../errors.ts'
import type {
  Assignment,
  Assignor,
  CommittedOffset,
  ConsumerOptions,
  GroupState,
  Shares,
  TopicPartition,
} from '../log.ts'
import type { Broker } from './broker.ts'
import type { Partition } from './partition.ts'

/** A consumer as its group sees it. */
export interface Member {
  readonly memberId: string
  readonly clientId: string
  readonly topics: readonly string[]
  readonly assignor: Assignor
  readonly metadata: ConsumerOptions['metadata']
  readonly tell: ConsumerOptions['tell']
  readonly sessionTimeout: number
  /** Its share; undefined until the first rebalance. */
  assignment: Assignment | undefined
  /** Ends the wait for a heartbeat of a silenced member. */
  cancelExpiry: (() => void) | undefined
  onAssigned(assignment: Assignment): void
  /** The assignor failed: the member cannot go on. */
  onFailed(error: TickerError): void
}

/**
 * The group coordinator of one group: members, generation, committed offsets. Every change of membership leads to one
 * rebalance, in a turn of the event loop of its own: whoever was handed records before it has seen them by then, so
 * `onAssigned` never comes between a delivery and its receiver. Several changes within a turn share a rebalance.
 */
export class Group {
  readonly name: string
  readonly #broker: Broker
  readonly #members = new Map<string, Member>()
  readonly #offsets = new Map<string, CommittedOffset>()
  #generation = 0
  #cancelRebalance: (() => void) | undefined

  constructor(name: string, broker: Broker) {
    this.name = name
    this.#broker = broker
  }

  get members(): readonly { readonly memberId: string; readonly clientId: string }[] {
    return [...this.#members.values()].map(({ memberId, clientId }) => ({ memberId, clientId }))
  }

  /** As Kafka's coordinator would tell. */
  get state(): GroupState {
    const members = [...this.#members.values()].map(({ memberId, clientId, assignment }) => ({
      memberId,
      clientId,
      host: undefined,
      partitions: assignment?.partitions ?? [],
    }))
    const state = !this.hasMembers ? 'Empty' : this.isRebalancing ? 'PreparingRebalance' : 'Stable'
    return { group: this.name, state, members }
  }

  get hasMembers(): boolean {
    return this.#members.size > 0
  }

  join(member: Member): void {
    this.#members.set(member.memberId, member)
    this.#scheduleRebalance()
  }

  leave(memberId: string): void {
    const member = this.#members.get(memberId)
    if (member === undefined) return
    member.cancelExpiry?.()
    this.#members.delete(memberId)
    this.#scheduleRebalance()
  }

  /** Divides the work anew, as soon as may be. */
  rejoin(): void {
    if (this.hasMembers) this.#scheduleRebalance()
  }

  isMember(memberId: string): boolean {
    return this.#members.has(memberId)
  }

  get isRebalancing(): boolean {
    return this.#cancelRebalance !== undefined
  }

  /** See `MemoryLog.silence`. */
  silence(clientId: string): void {
    for (const member of this.#members.values()) {
      if (member.clientId !== clientId) continue
      member.cancelExpiry?.()
      member.cancelExpiry = this.#broker.environment.after(member.sessionTimeout, () =>
        this.leave(member.memberId),
      )
    }
  }

  commit(offsets: readonly CommittedOffset[]): void {
    for (const { topic, partition, position } of offsets) {
      this.#offsets.set(nameOf(topic, partition), { topic, partition, position })
    }
    this.#broker.waiters.notify()
  }

  committed(topics?: readonly string[]): CommittedOffset[] {
    return [...this.#offsets.values()].filter(({ topic }) => topics?.includes(topic) ?? true)
  }

  position(tp: TopicPartition): number | undefined {
    return this.#offsets.get(nameOf(tp.topic, tp.partition))?.position
  }

  /** Up to where the group has read the partition, if it reads it at all. */
  consumedTo({ topic, partition }: Partition): number | undefined {
    const position = this.position({ topic, partition })
    if (position !== undefined) return position
    for (const member of this.#members.values()) if (member.topics.includes(topic)) return 0
    return undefined
  }

  forgetTopic(topic: string): void {
    for (const [name, offset] of this.#offsets) if (offset.topic === topic) this.#offsets.delete(name)
  }

  close(): void {
    this.#cancelRebalance?.()
    for (const member of this.#members.values()) member.cancelExpiry?.()
  }

  #scheduleRebalance(): void {
    this.#cancelRebalance ??= this.#broker.environment.after(0, () => {
      this.#cancelRebalance = undefined
      this.#rebalance()
    })
  }

  #rebalance(): void {
    this.#generation++
    const members = [...this.#members.values()].sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
    if (members.length === 0) return
    let shares: Shares
    let told: ReadonlyMap<string, string> | undefined
    try {
      const topics = this.#topicsOf(members)
      const known = members.map(({ memberId, clientId, assignment, metadata }) => ({
        memberId,
        clientId,
        owned: assignment?.partitions ?? [],
        metadata: metadata?.(),
      }))
      shares = this.#checked(members[0]!.assignor(known, topics), topics)
      told = members[0]!.tell?.(known, shares, topics)
    } catch (cause) {
      const error = new TickerError('LOG_MISUSED', `the assignor of group ${this.name} failed: ${cause}`, {
        cause,
      })
      for (const member of members) member.onFailed(error)
      return
    }
    for (const member of members) {
      const assignment = {
        generation: this.#generation,
        memberId: member.memberId,
        partitions: shares.get(member.memberId) ?? [],
        metadata: told?.get(member.memberId),
      }
      member.assignment = assignment
      member.onAssigned(assignment)
    }
    this.#broker.waiters.notify()
  }

  #topicsOf(members: readonly Member[]): ReadonlyMap<string, number> {
    const topics = new Map<string, number>()
    for (const name of new Set(members.flatMap(member => member.topics))) {
      topics.set(name, this.#broker.findTopic(name)?.partitions ?? 0)
    }
    return topics
  }

  /** @throws Error unless every partition was given to exactly one member */
  #checked(shares: Shares, topics: ReadonlyMap<string, number>): Shares {
    const given = new Set<string>()
    for (const { topic, partition } of [...shares.values()].flat()) {
      const name = nameOf(topic, partition)
      if (given.has(name)) throw new Error(`${name} was given to two members`)
      given.add(name)
    }
    for (const [topic, partitions] of topics) {
      for (let partition = 0; partition < partitions; partition++) {
        if (!given.has(nameOf(topic, partition)))
          throw new Error(`${nameOf(topic, partition)} was given to no member`)
      }
    }
    return shares
  }
}

function nameOf(topic: string, partition: number): string {
  return `${topic}/${partition}`
}
