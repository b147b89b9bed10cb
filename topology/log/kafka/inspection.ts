/** Looks at a cluster without changing anything: who answers, what it understands, what this client may do, what time it is there. */
import { Cluster, type ClusterOptions, checkVersion } from './cluster.ts'
import { answerOf, toTickerError } from './errors.ts'
import { apiVersionsRequest } from './protocol/api-versions.ts'
import { DESCRIBE_QUORUM, leaderClockRequest } from './protocol/describe-quorum.ts'
import { forbiddenTopicsRequest, mayJoinRequest } from './protocol/permissions.ts'

/** ListOffsets, whose eighth version came with Kafka 3.6 (KIP-405). */
const LIST_OFFSETS = 2
const OF_KAFKA_3_6 = 8

export interface ClusterInspection {
  readonly brokers: number
  /** Whether it is Kafka 3.6 or later. */
  readonly supported: boolean
  /** Topics, of those asked for that exist, which this client may not both read and write. */
  readonly forbiddenTopics: readonly string[]
  readonly mayJoin: boolean
  /**
   * Milliseconds that the clock of the controllers' leader is ahead of this machine's, give or take `within`; undefined where
   * the cluster does not tell, or not this client.
   */
  readonly clock: { readonly ahead: number; readonly within: number } | undefined
}

/**
 * @param now a clock, in milliseconds since the epoch
 * @throws TickerError LOG_UNREACHABLE, LOG_FAILED
 */
export async function inspectCluster(
  options: ClusterOptions,
  {
    topics,
    group,
    now,
  }: { readonly topics: readonly string[]; readonly group: string; readonly now: () => number },
): Promise<ClusterInspection> {
  checkVersion()
  const cluster = new Cluster(options)
  await cluster.connect()
  try {
    const broker = await cluster.controller()
    const versions = await cluster.send(broker, apiVersionsRequest)
    const forbiddenTopics = await cluster.send(broker, forbiddenTopicsRequest(topics, ['read', 'write']))
    const mayJoin = await mayJoinGroup(cluster, group)
    return {
      brokers: cluster.brokers,
      supported: (versions.get(LIST_OFFSETS) ?? 0) >= OF_KAFKA_3_6,
      forbiddenTopics,
      mayJoin,
      clock: versions.has(DESCRIBE_QUORUM) ? await clockOf(cluster, now) : undefined,
    }
  } catch (error) {
    throw toTickerError(error, 'cannot inspect the cluster')
  } finally {
    await cluster.close()
  }
}

async function mayJoinGroup(cluster: Cluster, group: string): Promise<boolean> {
  try {
    return await cluster.retrying(`cannot describe group ${group}`, async () => {
      // Of the broker itself: kafkajs' cluster keeps the reason of a refusal to itself.
      const broker = await cluster.controller()
      const { coordinator } = await broker.findGroupCoordinator({ groupId: group, coordinatorType: 0 })
      return await cluster.send(await cluster.broker(coordinator.nodeId), mayJoinRequest(group))
    })
  } catch (error) {
    // Who may not describe the group is not even told its coordinator.
    if (answerOf(error) === 'GROUP_AUTHORIZATION_FAILED') return false
    throw error
  }
}

async function clockOf(cluster: Cluster, now: () => number): Promise<ClusterInspection['clock']> {
  const asked = now()
  // Who may not describe the cluster is not told.
  const clock = await cluster.send(await cluster.controller(), leaderClockRequest()).catch(() => undefined)
  if (clock === undefined) return undefined
  const answered = now()
  return { ahead: clock - (asked + answered) / 2, within: (answered - asked) / 2 }
}
