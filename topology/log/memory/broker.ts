import { TickerError } from '../../errors.ts'
import type { CommittedOffset, TopicDescription, TopicPartition, TopicSpec } from '../log.ts'
import { Group } from './group.ts'
import { Partition, type Retention } from './partition.ts'
import { Transactions } from './transactions.ts'
import { type After, Waiters } from './waiters.ts'

/** Bounds of the memory log. */
export interface MemoryLimits {
  /** Bytes of records a partition holds unless its topic's `retention.bytes` says otherwise. Default 64 MiB. */
  readonly partitionBytes: number
  /** Bytes of records one poll delivers; a single larger batch is still delivered. Default 1 MiB. */
  readonly pollBytes: number
  /** Bytes of one record, and of a batch, unless its topic's `max.message.bytes` says otherwise. Default 1,048,588 (Kafka's). */
  readonly batchBytes: number
  /** Milliseconds a compacted topic keeps deletions unless its `delete.retention.ms` says otherwise. Default 60,000. */
  readonly tombstoneAge: number
  /** Milliseconds a send waits for room before it fails. Default 120,000 (Kafka's delivery.timeout.ms). */
  readonly sendTimeout: number
  /** Milliseconds after which an open transaction is aborted and its producer fenced. Default 60,000 (Kafka's). */
  readonly transactionTimeout: number
}

/** What the clients of one memory log share. */
export interface Environment {
  readonly random: () => number
  readonly now: () => number
  readonly after: After
  readonly limits: MemoryLimits
}

interface Topic extends TopicDescription {
  readonly logs: readonly Partition[]
}

/** The log's contents: topics, groups, transactions. Everything here happens synchronously; clients add the waiting. */
export class Broker {
  readonly environment: Environment
  readonly waiters: Waiters
  readonly transactions: Transactions
  /** Those not closed yet. */
  readonly clients = new Set<{ close(): Promise<void> }>()
  readonly #topics = new Map<string, Topic>()
  readonly #groups = new Map<string, Group>()

  constructor(environment: Environment) {
    this.environment = environment
    this.waiters = new Waiters(environment.after)
    this.transactions = new Transactions(this)
  }

  createTopic({ topic, partitions, config = {} }: TopicSpec): void {
    if (this.#topics.has(topic)) return
    if (!/^[a-zA-Z0-9._-]{1,249}$/.test(topic)) {
      throw new TickerError(
        'LOG_MISUSED',
        `"${topic}" is no topic name: letters, digits, ".", "_" and "-" only, at most 249`,
      )
    }
    if (!Number.isInteger(partitions) || partitions < 1) {
      throw new TickerError('LOG_MISUSED', `topic ${topic} cannot have ${partitions} partitions`)
    }
    const { limits, now } = this.environment
    const retention = retentionOf(topic, config, limits)
    this.#topics.set(topic, {
      topic,
      partitions,
      config: { ...config },
      identity: this.randomId(),
      batchLimit: setting(topic, config, 'max.message.bytes') ?? limits.batchBytes,
      logs: Array.from(
        { length: partitions },
        (_, partition) => new Partition(topic, partition, retention, now),
      ),
    })
  }

  deleteTopic(topic: string): void {
    this.#topics.delete(topic)
    for (const group of this.#groups.values()) group.forgetTopic(topic)
    this.waiters.notify()
  }

  topicNames(): string[] {
    return [...this.#topics.keys()].sort()
  }

  findTopic(topic: string): Topic | undefined {
    return this.#topics.get(topic)
  }

  /** @throws TickerError LOG_UNKNOWN_TOPIC */
  topic(topic: string): Topic {
    const found = this.#topics.get(topic)
    if (found === undefined) throw new TickerError('LOG_UNKNOWN_TOPIC', `there is no topic ${topic}`)
    return found
  }

  /** @throws TickerError LOG_UNKNOWN_TOPIC */
  partition(tp: TopicPartition): Partition {
    const found = this.topic(tp.topic).logs[tp.partition]
    if (found === undefined) {
      throw new TickerError('LOG_UNKNOWN_TOPIC', `topic ${tp.topic} has no partition ${tp.partition}`)
    }
    return found
  }

  /** The group of this name; made when there is none yet. */
  group(name: string): Group {
    let group = this.#groups.get(name)
    if (group === undefined) {
      group = new Group(name, this)
      this.#groups.set(name, group)
    }
    return group
  }

  groupNames(): string[] {
    return [...this.#groups.keys()].sort()
  }

  findGroup(name: string): Group | undefined {
    return this.#groups.get(name)
  }

  deleteGroup(name: string): void {
    this.#checkEmpty(name)
    this.#groups.delete(name)
    this.waiters.notify()
  }

  setPositions(name: string, positions: readonly CommittedOffset[]): void {
    this.#checkEmpty(name)
    for (const each of positions) this.partition(each)
    this.group(name).commit(positions)
  }

  #checkEmpty(group: string): void {
    if (!this.#groups.get(group)?.hasMembers) return
    throw new TickerError('LOG_FAILED', `group ${group} has members; close them first`)
  }

  /** Drops what retention allows, and says whether the partition can take more. */
  hasRoom(partition: Partition): boolean {
    return partition.trim(() => this.slowestReader(partition)?.position ?? Number.POSITIVE_INFINITY)
  }

  /** The group that still has to read the most of this partition; undefined when no group reads it. */
  slowestReader(partition: Partition): { readonly group: string; readonly position: number } | undefined {
    let slowest: { group: string; position: number } | undefined
    for (const group of this.#groups.values()) {
      const position = group.consumedTo(partition)
      if (position !== undefined && (slowest === undefined || position < slowest.position)) {
        slowest = { group: group.name, position }
      }
    }
    return slowest
  }

  silence(clientId: string): void {
    for (const group of this.#groups.values()) group.silence(clientId)
  }

  /** Cancels all timers. */
  close(): void {
    for (const group of this.#groups.values()) group.close()
    this.transactions.close()
  }

  randomId(): string {
    let id = ''
    while (id.length < 16)
      id += Math.floor(this.environment.random() * 0x1_0000_0000)
        .toString(16)
        .padStart(8, '0')
    return id
  }
}

/** @throws TickerError LOG_MISUSED */
function retentionOf(
  topic: string,
  config: Readonly<Record<string, string>>,
  limits: MemoryLimits,
): Retention {
  const policies = (config['cleanup.policy'] ?? 'delete').split(',').map(policy => policy.trim())
  const unknown = policies.find(policy => policy !== 'delete' && policy !== 'compact')
  if (unknown !== undefined)
    throw new TickerError('LOG_MISUSED', `topic ${topic}: "${unknown}" is no cleanup.policy`)
  const compacted = policies.includes('compact')
  const deleted = policies.includes('delete')
  const bound = (name: string, otherwise: number): number => {
    const value = deleted ? setting(topic, config, name) : -1
    return value === undefined ? otherwise : value < 0 ? Number.POSITIVE_INFINITY : value
  }
  return {
    compacted,
    bytes: bound('retention.bytes', compacted ? Number.POSITIVE_INFINITY : limits.partitionBytes),
    age: bound('retention.ms', Number.POSITIVE_INFINITY),
    tombstoneAge: setting(topic, config, 'delete.retention.ms') ?? limits.tombstoneAge,
  }
}

function setting(topic: string, config: Readonly<Record<string, string>>, name: string): number | undefined {
  const text = config[name]
  if (text === undefined) return undefined
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value)) {
    throw new TickerError('LOG_MISUSED', `topic ${topic}: ${name} must be a whole number, not "${text}"`)
  }
  return value
}
