/**
 * The log port: what the engine needs of a partitioned, replayable log. Kafka is one (`kafka/`), an in-process
 * log is another (`memory/`); `contract.ts` is the suite both must pass.
 *
 * Words, as Kafka uses them: a *topic* has *partitions*; a partition is a sequence of *record batches*; every
 * record has an *offset* in its partition, rising but not necessarily dense (compaction and transaction markers
 * leave gaps). A *position* is the offset of the next record wanted, which is also what a group commits.
 *
 * Reading is by batch: a fetched batch stays bytes until a `RecordCursor` walks it, because building an object per
 * record costs more than the work done on most of them.
 */
import type { RecordBatch } from './record-batch.ts'

/** Header names may repeat; order is kept. */
export type Headers = readonly (readonly [name: string, value: Buffer])[]

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A record to be written. Timestamps are milliseconds since the epoch and are event time. */
export interface ProducerRecord {
  readonly topic: string
  readonly partition: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number
  readonly headers?: Headers
}

export interface TopicSpec {
  readonly topic: string
  readonly partitions: number
  /** As the cluster's default says, if absent. */
  readonly replicationFactor?: number | undefined
  /** Kafka's topic settings, such as `cleanup.policy`; a log ignores those it has no meaning for. */
  readonly config?: Readonly<Record<string, string>>
}

export interface TopicDescription {
  readonly topic: string
  readonly partitions: number
  /**
   * What tells this log's topic from another of the same name (Kafka's topic id; random for the memory log).
   * State and sink offsets are only valid for the identity they were built from.
   */
  readonly identity: string
  /** Bytes of the largest record batch that it takes (`max.message.bytes`, its own or the log's default). */
  readonly batchLimit: number
  readonly config: Readonly<Record<string, string>>
}

/** A topic as an operator looks at it: how it is set, where its partitions lie and how far they reach. */
export interface TopicState {
  readonly topic: string
  /** The log's own, such as the one that holds the groups' positions. */
  readonly internal: boolean
  /** Empty where the client may not know them. */
  readonly settings: readonly TopicSetting[]
  /** In their order. */
  readonly partitions: readonly PartitionState[]
}

export interface TopicSetting {
  readonly name: string
  /** Undefined: a secret. */
  readonly value: string | undefined
  /** Of the topic itself, not a default of the log's. */
  readonly own: boolean
}

/** What nobody answers for at present is undefined. */
export interface PartitionState {
  readonly partition: number
  readonly start: number | undefined
  /** As a read_committed reader can reach it. */
  readonly end: number | undefined
  /** By node id; a log without nodes has no replicas either. */
  readonly leader: number | undefined
  readonly replicas: readonly number[]
  readonly inSync: readonly number[]
  /** Of the leader's replica. */
  readonly bytes: number | undefined
}

/** A consumer group as an operator looks at it. */
export interface GroupState {
  readonly group: string
  /** As Kafka calls it: Stable, PreparingRebalance, CompletingRebalance, Empty; Dead of a group that there is not. */
  readonly state: string
  readonly members: readonly MemberState[]
}

export interface MemberState {
  readonly memberId: string
  readonly clientId: string
  /** Where its connection comes from; undefined of a member in this process. */
  readonly host: string | undefined
  readonly partitions: readonly TopicPartition[]
}

export interface Admin {
  /** Creates the topics that do not exist, and returns when they can be written and read. Existing ones are left as they are. */
  createTopics(topics: readonly TopicSpec[]): Promise<void>
  /** Undefined for a topic that does not exist. */
  describeTopic(topic: string): Promise<TopicDescription | undefined>
  listTopics(): Promise<readonly string[]>
  /** For looking at, all or some, by name: those that do not exist are absent, and a broker that is away hides only what it has. */
  topicStates(topics?: readonly string[]): Promise<readonly TopicState[]>
  /** Deletes the topics that exist, with their groups' positions; a broker may still show them for a moment. */
  deleteTopics(topics: readonly string[]): Promise<void>
  /**
   * Per partition: the first offset still there and the end a read_committed reader can reach (the last stable
   * offset; beyond it lie open transactions).
   */
  offsets(
    topic: string,
  ): Promise<readonly { readonly partition: number; readonly start: number; readonly end: number }[]>
  /**
   * Per partition: the offset of the first record whose timestamp is `time` (milliseconds since the epoch) or later, or the
   * end where there is none. It may be that of a transaction's marker before it, if that was written at `time` or later.
   */
  positionsAt(
    topic: string,
    time: number,
  ): Promise<readonly { readonly partition: number; readonly position: number }[]>
  /** Who belongs to the group now; nobody where there is no such group. */
  members(group: string): Promise<readonly { readonly memberId: string; readonly clientId: string }[]>
  /** For looking at, all that have members or positions, or some, by name. */
  groupStates(groups?: readonly string[]): Promise<readonly GroupState[]>
  /** Deletes the records before these positions, for every reader. */
  deleteRecords(before: readonly CommittedOffset[]): Promise<void>
  /**
   * The group's committed positions, of all topics unless some are named; a partition without one is absent. For looking at: a
   * transaction that is about to replace one may be over for its writer already.
   */
  committed(group: string, topics?: readonly string[]): Promise<readonly CommittedOffset[]>
  /**
   * The same for some partitions, for who goes on from there: waits for transactions that are about to replace a position.
   * @throws TickerError LOG_FAILED when one does not end within half a minute
   */
  stablePositions(group: string, partitions: readonly TopicPartition[]): Promise<readonly CommittedOffset[]>
  /** Commits positions in the name of a group without members. @throws TickerError LOG_FAILED while it has members */
  setPositions(group: string, positions: readonly CommittedOffset[]): Promise<void>
  /** Forgets the group's positions. @throws TickerError LOG_FAILED while it has members */
  deleteGroup(group: string): Promise<void>
}

export interface CommittedOffset extends TopicPartition {
  readonly position: number
}

/** One member's share. `generation` rises with every rebalance this member takes part in. */
export interface Assignment {
  readonly generation: number
  readonly memberId: string
  readonly partitions: readonly TopicPartition[]
  /** What the leader of the group told this member (`ConsumerOptions.tell`). */
  readonly metadata?: string | undefined
}

/**
 * Divides the partitions among the members: a pure function, so that it can be tested without a group.
 * `members` come sorted by id; each topic's partition count is given. Every partition must go to exactly one member.
 */
export type Assignor = (members: readonly GroupMember[], topics: ReadonlyMap<string, number>) => Shares

export interface GroupMember {
  readonly memberId: string
  readonly clientId: string
  /** What the member owned before this rebalance, for sticky assignment; empty for a newcomer. */
  readonly owned: readonly TopicPartition[]
  /** What it tells the others (`ConsumerOptions.metadata`). */
  readonly metadata?: string | undefined
}

/** One member's partitions, by member id. */
export type Shares = ReadonlyMap<string, readonly TopicPartition[]>

export interface ConsumerOptions {
  readonly group: string
  readonly clientId: string
  readonly topics: readonly string[]
  readonly assignor: Assignor
  /** What this member tells the others: asked whenever it joins a generation. */
  readonly metadata?: () => string
  /** What the leader of the group tells each member beside its share, by member id. Pure, as the assignor is. */
  readonly tell?: (
    members: readonly GroupMember[],
    shares: Shares,
    topics: ReadonlyMap<string, number>,
  ) => ReadonlyMap<string, string>
  /** Milliseconds without a heartbeat after which the group takes a member for dead. Default 10,000. */
  readonly sessionTimeout?: number
  /**
   * Called synchronously when this member has a new assignment, before any record of it is delivered.
   * Every assigned partition starts *paused*, also one the member had before: the owner restores its state, then
   * calls `seek` and `resume`. Records of earlier generations are no longer delivered once this was called.
   */
  readonly onAssigned: (assignment: Assignment) => void
  /** Called when the membership is lost (session expired, fenced); an `onAssigned` follows if the consumer can rejoin. */
  readonly onLost?: () => void
}

/** A member of a consumer group, read_committed: aborted records and transaction markers are never delivered. */
export interface Consumer {
  /**
   * Batches in offset order per partition; an empty list when none came within `maxWait` milliseconds.
   * A delivered batch may begin before the position sought (batches are not cut): give the position to the cursor.
   * Where only markers, aborted or compacted records lie before the end that can be read, a batch of `count` 0 with their
   * `lastOffset` is delivered, so that a reader's position reaches the end.
   * Delivery stops by itself while the caller does not poll (back-pressure), but membership is kept.
   * @throws TickerError (a LOG_ code) when the consumer cannot go on.
   */
  poll(maxWait: number): Promise<readonly RecordBatch[]>
  /** A poll that waits, or else the next one, waits no longer. */
  wakeup(): void
  /** The next poll delivers from `position`. Batches already fetched of this partition are dropped. */
  seek(tp: TopicPartition, position: number): void
  /** As `seek` and `resume`, does nothing for a partition that this member does not own (any more). */
  pause(partitions: readonly TopicPartition[]): void
  resume(partitions: readonly TopicPartition[]): void
  /** Commits positions for the group (at-least-once). @throws TickerError LOG_REBALANCED when no longer the owner. */
  commit(offsets: readonly CommittedOffset[]): Promise<void>
  /** Tells the group that this member lives, and finds out whether it still belongs. @throws TickerError LOG_REBALANCED, LOG_FENCED */
  heartbeat(): Promise<void>
  /** Asks the group for a new division of the work, because what this member tells the others has changed. */
  rejoin(): void
  /** Leaves the group. */
  close(): Promise<void>
}

/** Reads chosen partitions without a group, read_committed: restores, the model topic, the console. */
export interface Reader {
  /** The next poll delivers from `position` (also adds the partition to those read). */
  seek(tp: TopicPartition, position: number): void
  poll(maxWait: number): Promise<readonly RecordBatch[]>
  close(): Promise<void>
}

export interface ProducerOptions {
  readonly clientId: string
  /** With an id the producer is transactional, and all its sends belong to a transaction. */
  readonly transactionalId?: string
  /** For a log that can lose the end of a transaction (kafka/lost-ends.ts): where to look for one. */
  readonly reach?: Reach
  /** What people should know of, as that such an end was found and made good. */
  readonly onNotice?: (text: string) => void
}

/** What the transactions of a producer may write to, and the positions that they may move. */
export interface Reach {
  readonly topics: readonly TopicPartition[]
  readonly group: string
  readonly positions: readonly TopicPartition[]
}

export interface Producer {
  /**
   * Transactional: fences every earlier producer of this id and ends its open transaction (InitProducerId).
   * Otherwise: connects. To be called before all else, and only once.
   */
  init(): Promise<void>
  /**
   * Resolves when all records are stored; their order is kept per partition. Answers, for each partition written, with
   * the position after its last record (a changelog's writer keeps it as its checkpoint). @throws TickerError (a LOG_ code)
   */
  send(records: readonly ProducerRecord[]): Promise<readonly CommittedOffset[]>
  /** Begins a transaction. A transactional producer only, as are the following. */
  begin(): void
  /** Adds the group's positions to the transaction. Call `send` first (see kafkajs facts in kafka/README.md). */
  sendOffsets(group: string, offsets: readonly CommittedOffset[]): Promise<void>
  commit(): Promise<void>
  /** After any error in a transaction the producer is unusable: close it and make another of the same id. */
  abort(): Promise<void>
  close(): Promise<void>
}

export interface Log {
  /** For people: `memory` or `kafka host:port`. */
  readonly description: string
  /** Whether records outlive the process. Local state is only worth keeping where they do. */
  readonly durable: boolean
  readonly admin: Admin
  consumer(options: ConsumerOptions): Promise<Consumer>
  reader(options: { readonly clientId: string }): Promise<Reader>
  producer(options: ProducerOptions): Promise<Producer>
  /** Closes what is still open. */
  close(): Promise<void>
}

/** What can go wrong in a log; `topology/errors.ts` holds the whole table. */
export type LogErrorCode =
  | 'LOG_UNREACHABLE' // no broker answers
  | 'LOG_UNTRUSTED' // the broker's certificate is none that is trusted
  | 'LOG_UNAUTHENTICATED' // the broker does not take the user or the token
  | 'LOG_FORBIDDEN' // the broker knows the user, who may not do this
  | 'LOG_REBALANCED' // the group moved on; rejoin before going on
  | 'LOG_FENCED' // another incarnation took this transactional id or member id
  | 'LOG_UNKNOWN_TOPIC'
  | 'LOG_RECORD_TOO_LARGE'
  | 'LOG_CORRUPT' // bytes that are no record batch
  | 'LOG_MISUSED' // a call in a state that does not allow it, a bug of the caller
  | 'LOG_FAILED' // anything else the log answered
