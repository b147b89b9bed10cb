/** Consumer groups as an operator looks at them. */
import { AssignerProtocol } from 'kafkajs'
import type { Broker } from 'kafkajs/src/cluster/index.js'
import type { GroupState, TopicPartition } from '../log.ts'
import type { Cluster } from './cluster.ts'
import { answerOf } from './errors.ts'
import { listGroupsRequest } from './protocol/list-groups.ts'

/** @param names all, if absent */
export async function groupStates(
  cluster: Cluster,
  names?: readonly string[],
): Promise<readonly GroupState[]> {
  const groups =
    names === undefined ? await allOf(cluster) : await Promise.all(names.map(group => named(cluster, group)))
  return groups.toSorted((a, b) => (a.group < b.group ? -1 : 1))
}

async function named(cluster: Cluster, group: string): Promise<GroupState> {
  return await cluster.retrying(`cannot describe group ${group}`, async () =>
    described(await cluster.groupCoordinator(group), group),
  )
}

/** Each broker knows the groups that it coordinates. */
async function allOf(cluster: Cluster): Promise<GroupState[]> {
  return await cluster.retrying('cannot list groups', async () => {
    const listed = cluster.nodeIds.map(async nodeId => {
      const broker = await cluster.broker(nodeId)
      const groups = await cluster.send(broker, listGroupsRequest())
      return await Promise.all(
        groups.map(({ group, state }) =>
          described(broker, group).then(
            found => (found.state === 'Dead' ? { ...found, state } : found),
            error => {
              // What the broker answers is about this group, and no reason not to show the others.
              if (answerOf(error) === undefined) throw error
              return { group, state, members: [] }
            },
          ),
        ),
      )
    })
    return (await Promise.all(listed)).flat()
  })
}

/** One at a time: kafkajs gives up all groups of an answer for the error of one. */
async function described(broker: Broker, group: string): Promise<GroupState> {
  const { groups } = await broker.describeGroups({ groupIds: [group] })
  const state = groups[0]?.state ?? 'Dead'
  const members = groups.flatMap(({ protocolType, members }) =>
    members.map(({ memberId, clientId, clientHost, memberAssignment }) => ({
      memberId,
      clientId,
      // Java prints an address that has no name as /10.0.0.1.
      host: clientHost.replace(/^\//, ''),
      partitions: protocolType === 'consumer' ? assigned(memberAssignment) : [],
    })),
  )
  return { group, state, members }
}

/** Nothing before the group has divided its work. */
function assigned(bytes: Buffer): readonly TopicPartition[] {
  if (bytes.length === 0) return []
  const { assignment = {} } = AssignerProtocol.MemberAssignment.decode(bytes) ?? {}
  return Object.entries(assignment).flatMap(([topic, partitions]) =>
    partitions.map(partition => ({ topic, partition })),
  )
}
