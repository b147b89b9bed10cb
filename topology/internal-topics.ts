/**
 * The topics that an application makes for itself: changelogs, repartition topics, dead letters. They are made with the
 * partitions and the cleanup that their contents need. One that exists already and would lose data is refused.
 */
import { DEAD_LETTER_OVERHEAD } from './dead-letters.ts'
import { TickerError } from './errors.ts'
import type { GraphNode } from './graph.ts'
import type { Admin, TopicDescription, TopicSpec } from './log/log.ts'
import { storesOfStreamJoin } from './nodes/joins.ts'
import { joinRetention } from './operators/stream-stream-join.ts'
import { changelogTopic, deadLetterTopic, type Plan, repartitionTopic, taskCount } from './plan.ts'

/**
 * Milliseconds that a window's changelog is kept beyond the window itself: Kafka Streams'
 * windowstore.changelog.additional.retention.ms.
 */
const ADDITIONAL_RETENTION = 24 * 3_600_000

/** What a node makes before it joins its group. */
export interface InternalTopic extends TopicSpec {
  readonly config: Readonly<Record<string, string>>
  /** Whether who runs the application may let it forget what is old. */
  readonly mayForget?: boolean
}

export interface InternalTopicOptions {
  /** Of every topic. */
  readonly partitions: ReadonlyMap<string, number>
  /** Bytes of the largest batch that an input can hold. */
  readonly largestBatch: number
  readonly replicationFactor: number | undefined
}

export function internalTopics(plan: Plan, options: InternalTopicOptions): InternalTopic[] {
  const { applicationId } = plan
  const { partitions, replicationFactor } = options
  const changelogs = plan.subTopologies.flatMap(part => {
    const retentions = new Map(part.nodes.flatMap(expiringStores))
    const own = part.stores.filter(store => !part.sourceChangelogs.has(store))
    return own.map(store => ({
      topic: changelogTopic(applicationId, store),
      partitions: taskCount(part, partitions),
      config: changelogConfig(retentions.get(store)),
    }))
  })
  const repartitions = plan.subTopologies.flatMap(part =>
    part.sources.flatMap(node => {
      if (node.kind !== 'repartition') return []
      const topic = repartitionTopic(applicationId, node)
      return [{ topic, partitions: partitions.get(topic) ?? 1, config: keptForEver }]
    }),
  )
  const deadLetters = {
    topic: deadLetterTopic(applicationId),
    partitions: 1,
    config: { ...keptForEver, 'max.message.bytes': String(options.largestBatch + DEAD_LETTER_OVERHEAD) },
    mayForget: true,
  }
  return [...changelogs, ...repartitions, deadLetters].map(topic => ({ ...topic, replicationFactor }))
}

/** Makes those that do not exist. Answers with all of them. @throws TickerError TOPIC_WRONG_PARTITIONS, TOPIC_WRONG_CLEANUP */
export async function makeInternalTopics(
  admin: Admin,
  topics: readonly InternalTopic[],
): Promise<readonly TopicDescription[]> {
  await admin.createTopics(topics)
  const descriptions: TopicDescription[] = []
  for (const wanted of topics) {
    const found = await admin.describeTopic(wanted.topic)
    if (found === undefined) continue
    check(found, wanted)
    descriptions.push(found)
  }
  return descriptions
}

/** Records keep their event time, which may be long ago: they must not expire by it, nor by the broker's clock. */
const keptForEver = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'message.timestamp.type': 'CreateTime',
}

/** @param retention milliseconds for which the store keeps entries; undefined: for ever */
function changelogConfig(retention: number | undefined): Record<string, string> {
  if (retention === undefined) return { 'cleanup.policy': 'compact' }
  return { 'cleanup.policy': 'compact,delete', 'retention.ms': String(retention + ADDITIONAL_RETENTION) }
}

/**
 * Stores whose entries all expire by one clock, with their retention. Not where each key has a clock: that of a silent one
 * says what is late when it comes back, however long that takes.
 */
function expiringStores(node: GraphNode): [store: string, retention: number][] {
  if (node.kind === 'windowAggregate' && node.clock === 'operator' && Number.isFinite(node.retention))
    return [[node.store, node.retention]]
  if (node.kind !== 'streamJoin') return []
  const { left, right } = storesOfStreamJoin(node)
  return [left, right].map(store => [store, joinRetention(node)])
}

function check(found: TopicDescription, wanted: InternalTopic): void {
  const { topic, partitions } = wanted
  if (found.partitions !== partitions)
    throw new TickerError(
      'TOPIC_WRONG_PARTITIONS',
      `${topic} has ${found.partitions} partitions instead of ${partitions}`,
    )
  const losses = wanted.mayForget ? [] : lossesOf(found.config, wanted.config)
  if (losses.length > 0)
    throw new TickerError('TOPIC_WRONG_CLEANUP', `${topic} would lose records: ${losses.join(', ')}`)
}

/** The settings by which a topic keeps less than it must; what keeps more is left as it is. */
export function lossesOf(
  found: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): string[] {
  const losses: string[] = []
  const policies = policiesOf(found)
  const wantedPolicies = policiesOf(wanted)
  if (policies.some(policy => !wantedPolicies.includes(policy)))
    losses.push(`cleanup.policy is ${policies.join(',')} instead of ${wantedPolicies.join(',')}`)
  else if (policies.includes('delete')) {
    const kept = Number(found['retention.ms'] ?? DEFAULT_RETENTION)
    const least = Number(wanted['retention.ms'])
    if (kept >= 0 && (least < 0 || kept < least)) losses.push(`retention.ms is ${kept} instead of ${least}`)
  }
  const bytes = Number(found['retention.bytes'] ?? -1)
  if (policies.includes('delete') && bytes >= 0) losses.push(`retention.bytes is ${bytes} instead of -1`)
  return losses
}

/** A broker's, for a topic that says nothing of its own. */
const DEFAULT_RETENTION = 7 * 24 * 3_600_000

function policiesOf(config: Readonly<Record<string, string>>): string[] {
  return (config['cleanup.policy'] ?? 'delete').split(',').map(policy => policy.trim())
}
