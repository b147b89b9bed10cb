/** Topics as an operator looks at them. What a broker that is away would have to say is left out; the rest is said. */
import type { TopicPartition, TopicSetting, TopicState } from '../log.ts'
import type { Cluster } from './cluster.ts'
import { answerOf } from './errors.ts'
import { describeLogDirsRequest } from './protocol/describe-log-dirs.ts'
import { listOffsetsRequest } from './protocol/list-offsets.ts'
import { metadataRequest } from './protocol/metadata.ts'

const TOPIC_RESOURCE = 2
/** A setting of the topic itself, not a default (DescribeConfigs). */
const TOPIC_CONFIG = 1

/** @param names all, if absent */
export async function topicStates(
  cluster: Cluster,
  names?: readonly string[],
): Promise<readonly TopicState[]> {
  if (names?.length === 0) return []
  const metadata = await cluster.retrying('cannot list topics', async () =>
    cluster.send(await cluster.controller(), metadataRequest(names ?? null)),
  )
  const topics = metadata.filter(each => each.errorCode === 0 || each.partitions.length > 0)
  const partitions = topics.flatMap(({ topic, partitions }) => partitions.map(each => ({ topic, ...each })))
  const leaders = [...new Set(partitions.map(each => each.leader))].filter(leader => leader >= 0)
  const found = await Promise.all(
    leaders.map(leader =>
      askLeader(
        cluster,
        leader,
        partitions.filter(each => each.leader === leader),
      ),
    ),
  )
  const starts = new Map(found.flatMap(each => each.starts).map(each => [nameOf(each), each.offset]))
  const ends = new Map(found.flatMap(each => each.ends).map(each => [nameOf(each), each.offset]))
  const sizes = new Map(found.flatMap(each => each.sizes).map(each => [nameOf(each), each.bytes]))
  const settings = await Promise.all(topics.map(({ topic }) => settingsOf(cluster, topic)))
  const states = topics.map(({ topic, internal, partitions }, index) => ({
    topic,
    internal,
    settings: settings[index] ?? [],
    partitions: partitions
      .map(({ partition, leader, replicas, inSync }) => {
        const name = nameOf({ topic, partition })
        return {
          partition,
          start: starts.get(name),
          end: ends.get(name),
          leader: leader < 0 ? undefined : leader,
          replicas,
          inSync,
          bytes: sizes.get(name),
        }
      })
      .sort((a, b) => a.partition - b.partition),
  }))
  return states.sort((a, b) => (a.topic < b.topic ? -1 : 1))
}

async function askLeader(cluster: Cluster, leader: number, partitions: readonly TopicPartition[]) {
  const nothing = (): [] => []
  const broker = await cluster.broker(leader).catch(() => undefined)
  if (broker === undefined) return { starts: [], ends: [], sizes: [] }
  const [starts, ends, sizes] = await Promise.all([
    cluster.send(broker, listOffsetsRequest(partitions, 'start')).catch(nothing),
    cluster.send(broker, listOffsetsRequest(partitions, 'end')).catch(nothing),
    cluster.send(broker, describeLogDirsRequest(partitions)).catch(nothing),
  ])
  return { starts, ends, sizes }
}

/** Nothing of a topic that is gone by now, or whose settings the client may not know. */
async function settingsOf(cluster: Cluster, topic: string): Promise<readonly TopicSetting[]> {
  try {
    const { resources } = await cluster.retrying(`cannot describe topic ${topic}`, async () => {
      const broker = await cluster.controller()
      return await broker.describeConfigs({ resources: [{ type: TOPIC_RESOURCE, name: topic }] })
    })
    return resources
      .flatMap(each => each.configEntries)
      .map(({ configName, configValue, configSource }) => ({
        name: configName,
        value: configValue ?? undefined,
        own: configSource === TOPIC_CONFIG,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch (error) {
    if (answerOf(error) === undefined) throw error
    return []
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
