import { setTimeout as delay } from 'node:timers/promises'
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js'
import { TickerError } from '../../errors.ts'
import type { Admin, CommittedOffset, TopicDescription, TopicPartition, TopicSpec } from '../log.ts'
import type { Cluster } from './cluster.ts'
import { answerOf, isUnknownTopic, toTickerError } from './errors.ts'
import { groupStates } from './group-states.ts'
import { metadataRequest, type TopicMetadata } from './protocol/metadata.ts'
import { offsetFetchRequest } from './protocol/offset-fetch.ts'
import { topicStates } from './topic-states.ts'

/** Milliseconds the controller may take. */
const TIMEOUT = 30_000
/** Between two looks at whether the brokers have heard of a change. */
const INTERVAL = 20
/** Milliseconds that an open transaction is waited for: for who only looks, and for who goes on from a position. */
const GLANCE = 1_000
const STABLE_PATIENCE = 30_000
const UNKNOWN_TOPIC = 3
const LEADER_NOT_AVAILABLE = 5
/** A replication factor. */
const CLUSTER_DEFAULT = -1
/** Kafka's default of `max.message.bytes`, for a broker that keeps its settings to itself. */
const DEFAULT_BATCH_LIMIT = 1_048_588
/** A setting of the topic itself, not a default (DescribeConfigs). */
const TOPIC_CONFIG = 1
const TOPIC_RESOURCE = 2
/** Timestamps are event time: one that lies ahead of the broker's clock is for the topology to judge, not the broker. */
const EVENT_TIME = { 'message.timestamp.after.max.ms': '9223372036854775807' }

export class KafkaAdmin implements Admin {
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  async createTopics(topics: readonly TopicSpec[]): Promise<void> {
    const present = new Set(await this.listTopics())
    const missing = topics.filter(each => !present.has(each.topic))
    for (const { topic, partitions, replicationFactor = CLUSTER_DEFAULT, config = {} } of missing) {
      const configEntries = Object.entries({ ...EVENT_TIME, ...config }).map(([name, value]) => ({
        name,
        value,
      }))
      const wanted = { topic, numPartitions: partitions, replicationFactor, configEntries }
      await this.#cluster.retrying(`cannot create topic ${topic}`, async () => {
        try {
          await (await this.#cluster.controller()).createTopics({ topics: [wanted], timeout: TIMEOUT })
        } catch (error) {
          // Somebody else was faster, or an answer was lost.
          const reason = firstOf(error)
          if (answerOf(reason) !== 'TOPIC_ALREADY_EXISTS') throw reason
        }
      })
    }
    // The controller has answered, but the leaders may not have heard of it.
    for (const { topic } of missing) {
      await this.#until(`topic ${topic} is not ready`, async () => {
        try {
          await this.#listOffsets(topic)
          return true
        } catch (error) {
          if (isUnknownTopic(error)) return false
          throw error
        }
      })
    }
  }

  async describeTopic(topic: string): Promise<TopicDescription | undefined> {
    const metadata = await this.#metadata(topic)
    if (metadata === undefined) return undefined
    const { resources } = await this.#cluster.retrying(`cannot describe topic ${topic}`, async () => {
      const broker = await this.#cluster.controller()
      return await broker.describeConfigs({ resources: [{ type: TOPIC_RESOURCE, name: topic }] })
    })
    const entries = resources.flatMap(each => each.configEntries)
    const own = entries.filter(each => each.configSource === TOPIC_CONFIG)
    const config = Object.fromEntries(own.map(each => [each.configName, each.configValue ?? '']))
    const limit = entries.find(each => each.configName === 'max.message.bytes')?.configValue
    const batchLimit = limit === undefined ? DEFAULT_BATCH_LIMIT : Number(limit)
    return { topic, partitions: metadata.partitions.length, identity: metadata.topicId, batchLimit, config }
  }

  async listTopics(): Promise<readonly string[]> {
    const topics = await this.#metadataOf('cannot list topics', null)
    return topics.filter(each => !each.internal).map(each => each.topic)
  }

  async topicStates(topics?: readonly string[]) {
    return await topicStates(this.#cluster, topics)
  }

  async deleteTopics(topics: readonly string[]): Promise<void> {
    for (const topic of topics) {
      await this.#cluster.retrying(`cannot delete topic ${topic}`, async () => {
        try {
          await (await this.#cluster.controller()).deleteTopics({ topics: [topic], timeout: TIMEOUT })
        } catch (error) {
          if (!isUnknownTopic(error)) throw error
        }
      })
      await this.#until(
        `topic ${topic} is still there`,
        async () => (await this.#metadata(topic)) === undefined,
      )
    }
  }

  async offsets(topic: string) {
    return await this.#cluster.retrying(`cannot read the offsets of topic ${topic}`, () =>
      this.#listOffsets(topic),
    )
  }

  async positionsAt(topic: string, time: number) {
    return await this.#cluster.retrying(`cannot read the offsets of topic ${topic}`, async () => {
      const bounds = await this.#listOffsets(topic)
      const found = await this.#cluster.listOffsetsAt(topic, time)
      return bounds.map(({ partition, end }) => ({ partition, position: found.get(partition) ?? end }))
    })
  }

  async members(group: string) {
    return await this.#cluster.retrying(`cannot describe group ${group}`, async () => {
      const coordinator = await this.#cluster.groupCoordinator(group)
      const { groups } = await coordinator.describeGroups({ groupIds: [group] })
      return groups.flatMap(each => each.members.map(({ memberId, clientId }) => ({ memberId, clientId })))
    })
  }

  async groupStates(groups?: readonly string[]) {
    return await groupStates(this.#cluster, groups)
  }

  async setPositions(group: string, positions: readonly CommittedOffset[]): Promise<void> {
    if (positions.length === 0) return
    const doing = `cannot set positions of group ${group}`
    const topics = new Set(positions.map(each => each.topic))
    const request = {
      groupId: group,
      // Of nobody: the coordinator takes it only while the group has no members.
      groupGenerationId: -1,
      memberId: '',
      topics: [...topics].map(topic => ({
        topic,
        partitions: positions
          .filter(each => each.topic === topic)
          .map(({ partition, position }) => ({ partition, offset: String(position), metadata: null })),
      })),
    }
    await this.#cluster.retrying(doing, async () => {
      try {
        await (await this.#cluster.groupCoordinator(group)).offsetCommit(request)
      } catch (error) {
        if (answerOf(error) !== 'UNKNOWN_MEMBER_ID' && answerOf(error) !== 'REBALANCE_IN_PROGRESS')
          throw error
        throw new TickerError('LOG_FAILED', `${doing}: it has members`, { cause: error })
      }
    })
  }

  async deleteRecords(before: readonly CommittedOffset[]): Promise<void> {
    for (const { topic, partition, position } of before) {
      const partitions = [{ partition, offset: String(position) }]
      await this.#cluster.retrying(`cannot delete records of ${topic}/${partition}`, async () => {
        await this.#cluster.know([topic])
        const leader = this.#cluster.leader(topic, partition)
        if (leader === undefined) throw createErrorFromCode(LEADER_NOT_AVAILABLE)
        await (await this.#cluster.broker(leader)).deleteRecords({ topics: [{ topic, partitions }] })
      })
    }
  }

  /** A transaction that takes long is not waited for. */
  async committed(group: string, topics?: readonly string[]): Promise<readonly CommittedOffset[]> {
    const partitions = topics === undefined ? null : await this.#partitionsOf(topics)
    const { found, unstable } = await this.#positions(group, partitions, GLANCE)
    if (unstable.length === 0) return found
    return [...found, ...(await this.#fetchPositions(group, unstable, { stable: false })).committed]
  }

  async stablePositions(group: string, partitions: readonly TopicPartition[]) {
    const { found, unstable } = await this.#positions(group, partitions, STABLE_PATIENCE)
    if (unstable.length === 0) return found
    // The old positions would do again what a transaction has done whose end the partitions have not been told of.
    const names = unstable.map(({ topic, partition }) => `${topic}/${partition}`).join(', ')
    const seconds = STABLE_PATIENCE / 1000
    throw new TickerError(
      'LOG_FAILED',
      `a transaction that moves the positions of group ${group} in ${names} has not ended for ${seconds} s: find it with kafka-transactions.sh find-hanging; if there is none, restart the group’s coordinator`,
    )
  }

  /** Asks again for what is unstable, for so many milliseconds. */
  async #positions(group: string, partitions: readonly TopicPartition[] | null, patience: number) {
    const deadline = Date.now() + patience
    const found: CommittedOffset[] = []
    let wanted = partitions
    while (wanted === null || wanted.length > 0) {
      const answer = await this.#fetchPositions(group, wanted, { stable: true })
      found.push(...answer.committed)
      wanted = answer.unstable
      if (Date.now() >= deadline) break
      if (wanted.length > 0) await delay(INTERVAL)
    }
    return { found, unstable: wanted }
  }

  async #fetchPositions(
    group: string,
    partitions: readonly TopicPartition[] | null,
    how: { stable: boolean },
  ) {
    return await this.#cluster.retrying(`cannot read the positions of group ${group}`, async () => {
      const coordinator = await this.#cluster.groupCoordinator(group)
      return await this.#cluster.send(coordinator, offsetFetchRequest(group, partitions, how))
    })
  }

  async deleteGroup(group: string): Promise<void> {
    await this.#cluster.retrying(`cannot delete group ${group}`, async () => {
      const { results } = await (await this.#cluster.groupCoordinator(group)).deleteGroups([group])
      const error = results[0]?.error
      if (error !== undefined && answerOf(error) !== 'GROUP_ID_NOT_FOUND') throw error
    })
  }

  async #partitionsOf(topics: readonly string[]): Promise<TopicPartition[]> {
    const metadata = await this.#metadataOf(`cannot describe ${topics.join(', ')}`, topics)
    return metadata
      .filter(each => each.errorCode === 0)
      .flatMap(({ topic, partitions }) => partitions.map(({ partition }) => ({ topic, partition })))
  }

  async #listOffsets(topic: string) {
    await this.#cluster.know([topic])
    const starts = await this.#cluster.listOffsets(topic, 'start')
    const ends = await this.#cluster.listOffsets(topic, 'end')
    return [...ends]
      .sort(([a], [b]) => a - b)
      .map(([partition, end]) => ({ partition, start: starts.get(partition) ?? 0, end }))
  }

  async #metadata(topic: string): Promise<TopicMetadata | undefined> {
    const [metadata] = await this.#metadataOf(`cannot describe topic ${topic}`, [topic])
    if (metadata === undefined || metadata.errorCode === UNKNOWN_TOPIC) return undefined
    if (metadata.errorCode !== 0)
      throw toTickerError(createErrorFromCode(metadata.errorCode), `cannot describe topic ${topic}`)
    return metadata
  }

  async #metadataOf(doing: string, topics: readonly string[] | null): Promise<TopicMetadata[]> {
    return await this.#cluster.retrying(doing, async () => {
      return await this.#cluster.send(await this.#cluster.controller(), metadataRequest(topics))
    })
  }

  /** @throws TickerError LOG_FAILED when it does not come true in time */
  async #until(complaint: string, isTrue: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + TIMEOUT
    while (!(await this.#cluster.retrying(complaint, isTrue))) {
      if (Date.now() > deadline) throw new TickerError('LOG_FAILED', `${complaint} after ${TIMEOUT / 1000} s`)
      await delay(INTERVAL)
    }
  }
}

/** kafkajs collects the errors of several topics, where one was asked for. */
function firstOf(error: unknown): unknown {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors) ? error.errors[0] : error
}
