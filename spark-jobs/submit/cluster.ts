/** Clusters of EMR: found by name and tag, made if there is none, and ended. */
import {
  type Cluster,
  type ClusterState,
  DescribeClusterCommand,
  type EMRClient,
  type InstanceGroupConfig,
  paginateListClusters,
  RunJobFlowCommand,
  type RunJobFlowCommandInput,
  TerminateJobFlowsCommand,
} from '@aws-sdk/client-emr'
import { told } from '../../lake/aws.ts'
import type { EmrConfig } from './config.ts'
import { SubmitError } from './errors.ts'

/** The tag by which this project's clusters are told from others of the same name. */
const TAG = 'tickerwatch:cluster'

const alive: readonly ClusterState[] = ['STARTING', 'BOOTSTRAPPING', 'RUNNING', 'WAITING']

/** Minutes in which a cluster starts, or something is wrong with it. */
const STARTED_WITHIN = 45

export interface Waiting {
  /** Milliseconds between two questions. */
  readonly poll: number
  /** @throws when the wait is to end */
  readonly wait: (milliseconds: number) => Promise<void>
  readonly now: () => number
  /** A line for the person who waits. */
  readonly say: (line: string) => void
}

/** A cluster that this configuration may use: same name, tag and release. One that waits is preferred to one that works. */
export async function findCluster(emr: EMRClient, config: EmrConfig): Promise<Cluster | undefined> {
  const candidates: Cluster[] = []
  const pages = paginateListClusters({ client: emr }, { ClusterStates: [...alive] })
  for (;;) {
    const page = await told('listing the clusters', () => pages.next())
    if (page.done) break
    for (const { Id, Name } of page.value.Clusters ?? []) {
      if (Name !== config.cluster || Id === undefined) continue
      const cluster = await describe(emr, Id)
      const isOurs = cluster.Tags?.some(({ Key, Value }) => Key === TAG && Value === config.cluster)
      if (isOurs && cluster.ReleaseLabel === config.release && isAlive(cluster)) candidates.push(cluster)
    }
  }
  return candidates.find(({ Status }) => Status?.State === 'WAITING') ?? candidates[0]
}

/** What EMR is asked for. */
export function clusterRequest(config: EmrConfig): RunJobFlowCommandInput {
  const { instances, logs, release, subnet } = config
  const groups: InstanceGroupConfig[] = [
    { Name: 'primary', InstanceRole: 'MASTER', InstanceType: instances.primary, InstanceCount: 1 },
    {
      Name: 'core',
      InstanceRole: 'CORE',
      InstanceType: instances.core.type,
      InstanceCount: instances.core.count,
      Market: instances.core.spot ? 'SPOT' : 'ON_DEMAND',
    },
  ]
  if (instances.task !== undefined) {
    groups.push({
      Name: 'task',
      InstanceRole: 'TASK',
      InstanceType: instances.task.type,
      InstanceCount: instances.task.count,
      Market: instances.task.spot ? 'SPOT' : 'ON_DEMAND',
    })
  }
  const tags = { ...config.tags, [TAG]: config.cluster }
  return {
    Name: config.cluster,
    ReleaseLabel: release,
    LogUri: logs.endsWith('/') ? logs : `${logs}/`,
    Applications: [{ Name: 'Spark' }],
    ServiceRole: config.serviceRole,
    JobFlowRole: config.instanceProfile,
    Instances: {
      InstanceGroups: groups,
      KeepJobFlowAliveWhenNoSteps: true,
      ...(subnet !== undefined && { Ec2SubnetId: subnet }),
    },
    AutoTerminationPolicy: { IdleTimeout: config.idleMinutes * 60 },
    // Jobs find their tables where the lake registers them.
    Configurations: [
      {
        Classification: 'spark-hive-site',
        Properties: {
          'hive.metastore.client.factory.class':
            'com.amazonaws.glue.catalog.metastore.AWSGlueDataCatalogHiveClientFactory',
        },
      },
    ],
    Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
  }
}

/** @returns its id; it has only begun to start */
export async function createCluster(emr: EMRClient, config: EmrConfig): Promise<string> {
  const command = new RunJobFlowCommand(clusterRequest(config))
  const { JobFlowId } = await told(`starting the cluster ${config.cluster}`, () => emr.send(command))
  if (JobFlowId === undefined) throw new SubmitError('EMR_CLUSTER_FAILED', 'EMR gave the cluster no id')
  return JobFlowId
}

/** Waits until the cluster takes steps. @throws SubmitError EMR_CLUSTER_FAILED, EMR_CLUSTER_SLOW */
export async function whenReady(emr: EMRClient, id: string, waiting: Waiting): Promise<void> {
  const deadline = waiting.now() + STARTED_WITHIN * 60_000
  let last: string | undefined
  for (;;) {
    const cluster = await describe(emr, id)
    const state = cluster.Status?.State
    if (state === 'WAITING' || state === 'RUNNING') return
    if (!isAlive(cluster))
      throw new SubmitError(
        'EMR_CLUSTER_FAILED',
        `the cluster ${id} ended before it was ready: ${reason(cluster)}`,
      )
    if (waiting.now() > deadline)
      throw new SubmitError('EMR_CLUSTER_SLOW', `the cluster ${id} is ${state} for ${STARTED_WITHIN} minutes`)
    if (state !== last) waiting.say(`cluster ${id}: ${state?.toLowerCase()}`)
    last = state
    await waiting.wait(waiting.poll)
  }
}

/** Why a cluster has ended or is ending; undefined while it is alive. */
export async function endReason(emr: EMRClient, id: string): Promise<string | undefined> {
  const cluster = await describe(emr, id)
  return isAlive(cluster) ? undefined : reason(cluster)
}

/** Begins to end the cluster. */
export async function terminateCluster(emr: EMRClient, id: string): Promise<void> {
  const command = new TerminateJobFlowsCommand({ JobFlowIds: [id] })
  await told(`terminating the cluster ${id}`, () => emr.send(command))
}

async function describe(emr: EMRClient, id: string): Promise<Cluster> {
  const command = new DescribeClusterCommand({ ClusterId: id })
  const { Cluster: cluster } = await told(`asking for the cluster ${id}`, () => emr.send(command))
  if (cluster === undefined)
    throw new SubmitError('EMR_CLUSTER_FAILED', `EMR does not describe the cluster ${id}`)
  return cluster
}

function reason({ Status }: Cluster): string {
  const { Code = '', Message = 'EMR says no more' } = Status?.StateChangeReason ?? {}
  return `${Code} ${Message}`.trim()
}

function isAlive({ Status }: Cluster): boolean {
  return alive.some(state => state === Status?.State)
}
