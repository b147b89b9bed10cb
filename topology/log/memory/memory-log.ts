import { TickerError } from '../../errors.ts'
import type { Admin, Log, TopicPartition, TopicState } from '../log.ts'
import { Broker, type MemoryLimits } from './broker.ts'
import { MemoryConsumer } from './consumer.ts'
import type { Partition } from './partition.ts'
import { MemoryProducer } from './producer.ts'
import { MemoryReader } from './reader.ts'
import { type After, realTimers } from './waiters.ts'

export interface MemoryLogOptions {
  /** In [0, 1), for topic identities and member ids. Default `Math.random`. */
  readonly random?: () => number
  /** Milliseconds since the epoch, for retention. Default `Date.now`. */
  readonly now?: () => number
  /** The only source of time passing: waits, sessions, transaction time-outs, and turns of the event loop. */
  readonly after?: After
  readonly limits?: Partial<MemoryLimits>
}

export interface MemoryLog extends Log {
  /**
   * From now on no heartbeat of this client's group members arrives, as after kill -9 or SIGSTOP: they expire after
   * their session timeout. A call that such a member makes earlier is a sign of life and ends the silence; one that
   * comes later finds the membership lost.
   */
  silence(clientId: string): void
  /**
   * A partition as it is now, for those who check the log: `end` lies beyond `stableEnd` while a transaction is open.
   * @throws TickerError LOG_UNKNOWN_TOPIC
   */
  partition(tp: TopicPartition): Pick<Partition, 'start' | 'end' | 'stableEnd' | 'read'>
}

/**
 * A log within the process, for the embedded default, tests and the simulator: Kafka's semantics for topics,
 * transactions and groups without its durability. Given the same clock, timers, randomness and order of calls it does
 * the same.
 *
 * Memory is bounded, and no group loses a record by it:
 * - A partition holds 64 MiB unless `retention.bytes` says otherwise (-1: no bound), and records are kept for
 *   `retention.ms` (no bound unless set; counted from when they were written, as timestamps are event time). The
 *   oldest batches beyond that are dropped, but none that a group still has to read: one that has members subscribed
 *   to the topic, or has committed a position in the partition.
 * - While nothing can be dropped, `send` waits, so a fast producer goes at the pace of its slowest group; after
 *   `sendTimeout` it fails with LOG_FAILED and names that group. A group that is gone for good is to be deleted.
 * - Groups count from the moment they join: start the consumers before a producer that writes more than the bound.
 * - Who reads without a group is not waited for; a position that is gone moves on to the first record still there.
 * - A topic with `cleanup.policy=compact` keeps the latest record per key (deletions for `delete.retention.ms`), is
 *   compacted when it has doubled, and has no bound in bytes unless its policy is `compact,delete` with one.
 */
export function memoryLog(options: MemoryLogOptions = {}): MemoryLog {
  const broker = new Broker({
    random: options.random ?? Math.random,
    now: options.now ?? Date.now,
    after: options.after ?? realTimers,
    limits: {
      partitionBytes: 64 << 20,
      pollBytes: 1 << 20,
      batchBytes: 1_048_588,
      tombstoneAge: 60_000,
      sendTimeout: 120_000,
      transactionTimeout: 60_000,
      ...options.limits,
    },
  })
  let closed = false

  const unlessClosed = <Client>(make: () => Client): Client => {
    if (closed) throw new TickerError('LOG_MISUSED', 'the log is closed')
    return make()
  }

  return {
    description: 'memory',
    durable: false,
    admin: adminOf(broker),
    consumer: async consumerOptions => unlessClosed(() => new MemoryConsumer(broker, consumerOptions)),
    reader: async () => unlessClosed(() => new MemoryReader(broker)),
    producer: async producerOptions => unlessClosed(() => new MemoryProducer(broker, producerOptions)),
    silence: clientId => broker.silence(clientId),
    partition: tp => broker.partition(tp),
    async close() {
      closed = true
      for (const client of broker.clients) await client.close()
      broker.close()
    },
  }
}

function adminOf(broker: Broker): Admin {
  return {
    async createTopics(topics) {
      for (const topic of topics) broker.createTopic(topic)
    },
    async describeTopic(name) {
      const found = broker.findTopic(name)
      if (found === undefined) return undefined
      const { topic, partitions, identity, batchLimit, config } = found
      return { topic, partitions, identity, batchLimit, config }
    },
    async listTopics() {
      return broker.topicNames()
    },
    async topicStates(topics) {
      return broker
        .topicNames()
        .filter(name => topics?.includes(name) ?? true)
        .map(name => stateOf(broker.topic(name)))
    },
    async deleteTopics(topics) {
      for (const topic of topics) broker.deleteTopic(topic)
    },
    async offsets(topic) {
      return broker
        .topic(topic)
        .logs.map(log => ({ partition: log.partition, start: log.start, end: log.stableEnd }))
    },
    async positionsAt(topic, time) {
      return broker
        .topic(topic)
        .logs.map(log => ({ partition: log.partition, position: log.positionAt(time) }))
    },
    async members(group) {
      return broker.findGroup(group)?.members ?? []
    },
    async groupStates(groups = broker.groupNames()) {
      return groups
        .toSorted()
        .map(group => broker.findGroup(group)?.state ?? { group, state: 'Dead', members: [] })
    },
    async setPositions(group, positions) {
      broker.setPositions(group, positions)
    },
    async deleteRecords(before) {
      for (const { position, ...tp } of before) broker.partition(tp).deleteBefore(position)
      broker.waiters.notify()
    },
    async committed(group, topics) {
      return broker.findGroup(group)?.committed(topics) ?? []
    },
    async stablePositions(group, partitions) {
      return partitions.flatMap(tp => {
        const position = broker.findGroup(group)?.position(tp)
        return position === undefined ? [] : [{ topic: tp.topic, partition: tp.partition, position }]
      })
    },
    async deleteGroup(group) {
      broker.deleteGroup(group)
    },
  }
}

function stateOf({ topic, config, logs }: ReturnType<Broker['topic']>): TopicState {
  return {
    topic,
    internal: false,
    settings: Object.entries(config)
      .map(([name, value]) => ({ name, value, own: true }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    partitions: logs.map(({ partition, start, stableEnd, bytes }) => ({
      partition,
      start,
      end: stableEnd,
      leader: undefined,
      replicas: [],
      inSync: [],
      bytes,
    })),
  }
}
