/** The part of the activity job that may run several times in a process, once per thread: a model, and a node that asks it. */
import type { BaseLogger } from 'pino'
import type { AvroSerdes } from '../schemas/index.ts'
import type { StateBackend } from '../state/store.ts'
import {
  type Graph,
  type Log,
  type NodeListener,
  type ProcessingGuarantee,
  StreamsNode,
  type ThreadNode,
  type Timers,
} from '../topology/index.ts'
import { activityTopology } from './activity-topology.ts'
import { featureExtractor } from './features/extract.ts'
import { featureSchema } from './features/schema.ts'
import { ModelServing } from './models/serving.ts'
import { Shadow } from './models/shadow.ts'
import type { TrustedSources } from './models/signature.ts'
import { releaseInForce } from './release-in-force.ts'
import type { RoutingPolicy } from './routing/routing.ts'
import { applicationId, topics } from './topics.ts'

/** Milliseconds to wait for a release in force. */
export const READY_WITHIN = 30_000

export interface ActivityNodeOptions {
  readonly log: Log
  readonly avro: AvroSerdes
  readonly state: StateBackend
  readonly guarantee: ProcessingGuarantee
  /** Copies of each task's state on other nodes. Default 0. */
  readonly standbyReplicas?: number
  /** `host:port` where other nodes reach this one's stores. Default: nowhere. */
  readonly endpoint?: string | undefined
  /** Of topics that do not exist yet. Default: the cluster's. */
  readonly replicationFactor?: number | undefined
  /** Which model's releases are followed. */
  readonly model: string
  readonly routing: RoutingPolicy
  /** Whose releases are taken. */
  readonly trusted: TrustedSources
  /** Unique among the members of the group. */
  readonly clientId: string
  /** The process, where several members run in one. Default: the client id. */
  readonly node?: string
  readonly logger: BaseLogger
  readonly timers: Timers
}

/** The model that is followed, what scores in its shadow, and the topology that asks them. The topics are there. */
export async function servedTopology(options: Omit<ActivityNodeOptions, 'state' | 'guarantee'>): Promise<{
  readonly serving: ModelServing
  readonly shadow: Shadow
  readonly topology: Graph
}> {
  const { log, avro, model, routing, trusted, clientId, logger, timers } = options
  const { partitions = 1 } = (await log.admin.describeTopic(topics.readings)) ?? {}
  const serving = new ModelServing({
    log,
    avro,
    schema: featureSchema,
    clientId,
    timers,
    name: model,
    trusted,
    logger,
  })
  const shadow = new Shadow({
    log,
    avro,
    serving,
    name: model,
    schema: featureSchema,
    clientId,
    timers,
    logger,
  })
  const topology = activityTopology({
    avro,
    extractor: featureExtractor(featureSchema),
    release: releaseInForce(serving),
    score: async (release, features) => (await serving.get(release.version)).score(features),
    onScored: windows => shadow.offer(windows),
    now: timers.now,
    routing,
    partitions,
  })
  return { serving, shadow, topology }
}

export function activityNode(
  options: ActivityNodeOptions,
  topology: Graph,
  listener: NodeListener,
): StreamsNode {
  const { clientId, node, log, state, guarantee, timers, standbyReplicas, endpoint, replicationFactor } =
    options
  return new StreamsNode({
    topology,
    applicationId,
    clientId,
    node,
    log,
    state,
    guarantee,
    standbyReplicas,
    endpoint,
    replicationFactor,
    timers,
    // One odd reading must not stop two hundred watches.
    onFailure: { process: () => 'deadLetter', produce: () => 'deadLetter' },
    ...listener,
  })
}

/** The node of one of several threads. The topics are there. */
export async function activityThread(
  options: ActivityNodeOptions,
  listener: NodeListener,
): Promise<ThreadNode> {
  const { serving, shadow, topology } = await servedTopology(options)
  await options.avro.register()
  serving.start()
  try {
    await serving.whenReady(READY_WITHIN)
  } catch (error) {
    await serving.close()
    throw error
  }
  return {
    node: activityNode(options, topology, listener),
    close: async () => {
      await shadow.close()
      await serving.close()
    },
  }
}
