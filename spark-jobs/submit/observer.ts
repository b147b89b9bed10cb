/**
 * Clusters and what ran on them, as a page looks at them: asked of EMR and CloudWatch, never changed. However many pages look,
 * each question goes to AWS once in some seconds, and is waited for no longer than that.
 */
import type { CloudWatchClient } from '@aws-sdk/client-cloudwatch'
import {
  type ClusterSummary,
  DescribeClusterCommand,
  type EMRClient,
  ListInstanceGroupsCommand,
  ListStepsCommand,
  paginateListClusters,
  type StepSummary,
} from '@aws-sdk/client-emr'
import { told } from '../../lake/aws.ts'
import { LakeError } from '../../lake/errors.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { type CostEstimate, estimateCost, listPrices } from './cluster-cost.ts'
import type { EmrConfig } from './config.ts'
import { jobs } from './jobs.ts'
import { remembered } from './remembered.ts'
import { type Retraining, retrainings } from './retrainings.ts'
import { type StepLog, stepLogs } from './step-logs.ts'
import { type Utilisation, utilisation } from './utilisation.ts'

/** Milliseconds for which answers hold. */
const HOLDS = 15_000
/** Of utilisation and retrainings, which change in minutes. */
const SLOW_HOLDS = 60_000
/** Of what has ended, which does not change. */
const ENDED_HOLDS = 600_000
/** Clusters are looked back for so many days; so many are shown, and the runs of some of these. */
const DAYS = 30
const CLUSTERS = 20
const CLUSTERS_WITH_RUNS = 8
/** Pages of clusters of the account that are gone through, of 50. */
const PAGES = 10
const REPORT_LIMIT = 1 << 20

export interface SeenCluster {
  readonly id: string
  readonly name: string
  readonly state: string
  /** Of its last change of state, in EMR's words. */
  readonly reason: string | null
  /** Milliseconds since the epoch, as all times. */
  readonly createdAt: number | null
  readonly readyAt: number | null
  readonly endedAt: number | null
}

export interface SeenGroup {
  readonly role: string
  readonly type: string
  readonly market: string
  readonly state: string
  readonly requested: number
  readonly running: number
}

export interface ClusterDetails extends SeenCluster {
  readonly release: string
  readonly zone: string | null
  readonly tags: Readonly<Record<string, string>>
  /** Empty where the cluster is made of fleets, which are not looked into. */
  readonly groups: readonly SeenGroup[]
  readonly hasFleets: boolean
  /** The newest first, at most 50. */
  readonly steps: readonly SeenStep[]
  readonly cost: CostEstimate
}

export interface SeenStep {
  readonly id: string
  readonly cluster: string
  readonly name: string
  /** Of `tickerwatch emr`, by its script; null if it is none of these. */
  readonly job: string | null
  readonly state: string
  readonly createdAt: number | null
  readonly startedAt: number | null
  readonly endedAt: number | null
  /** Why it failed, in EMR's words. */
  readonly reason: string | null
  /** What the script was given. */
  readonly words: readonly string[]
}

export interface ObserverOptions {
  readonly config: EmrConfig
  readonly emr: EMRClient
  readonly cloudWatch: CloudWatchClient
  /** The store at `config.logs`. */
  readonly logs: ObjectStore
  /** The store at `config.lake`. */
  readonly lake: ObjectStore
  readonly now: () => number
  /** Milliseconds that an answer is waited for. */
  readonly patience?: number
}

/** Rejects with LakeError AWS_… and S3_…: what AWS refuses, or that it does not answer. */
export interface Observer {
  /** Those of the configuration's name, of the last 30 days: the newest first. */
  clusters(): Promise<readonly SeenCluster[]>
  /** Undefined if it is none of these. */
  cluster(id: string): Promise<ClusterDetails | undefined>
  utilisation(id: string): Promise<Utilisation | undefined>
  /** Of the jobs, the newest first. */
  runs(): Promise<readonly SeenStep[]>
  /** Undefined if there is no such step. */
  log(cluster: string, step: string): Promise<readonly StepLog[] | undefined>
  /** Ordered by a schedule, the newest first. */
  retrainings(): Promise<readonly Retraining[]>
  /** What a job reported last; undefined if it never did. */
  report(job: string): Promise<{ readonly at: number; readonly report: unknown } | undefined>
}

export function observer(options: ObserverOptions): Observer {
  const { config, emr, cloudWatch, logs, lake, now, patience = 10_000 } = options
  const clusters = remembered(() => listClusters(), HOLDS, now)
  const details = remembered(id => describe(id), HOLDS, now)
  const used = remembered(id => measure(id), SLOW_HOLDS, now)
  const steps = remembered(id => listSteps(id), HOLDS, now)
  const endedSteps = remembered(id => listSteps(id), ENDED_HOLDS, now)
  const texts = remembered(key => ask('reading the log', () => stepLogs(logs, ...splitKey(key))), HOLDS, now)
  const retrained = remembered(
    () => ask(`reading ${lake.url}retraining/`, () => retrainings(lake)),
    SLOW_HOLDS,
    now,
  )
  const reports = remembered(job => readReport(job), HOLDS, now)

  /** @throws LakeError */
  async function ask<T>(what: string, request: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = AbortSignal.timeout(patience)
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () =>
        reject(new LakeError('AWS_UNREACHABLE', `${what} failed: no answer within ${patience / 1000} s`)),
      )
    })
    return await Promise.race([told(what, () => request(signal)), late])
  }

  async function listClusters(): Promise<SeenCluster[]> {
    const found: SeenCluster[] = []
    const since = new Date(now() - DAYS * 86_400_000)
    await ask('listing the clusters', async abortSignal => {
      const pages = paginateListClusters({ client: emr }, { CreatedAfter: since }, { abortSignal })
      let left = PAGES
      for await (const { Clusters = [] } of pages) {
        found.push(...Clusters.filter(({ Name }) => Name === config.cluster).flatMap(seenCluster))
        if (found.length >= CLUSTERS || --left === 0) break
      }
    })
    return found.sort((a, b) => (b.createdAt ?? 0) - (a.createdAt ?? 0)).slice(0, CLUSTERS)
  }

  async function known(id: string): Promise<SeenCluster | undefined> {
    return (await clusters('')).find(cluster => cluster.id === id)
  }

  async function describe(ClusterId: string): Promise<ClusterDetails | undefined> {
    const { Cluster: cluster } = await ask(`asking for the cluster ${ClusterId}`, abortSignal =>
      emr.send(new DescribeClusterCommand({ ClusterId }), { abortSignal }),
    )
    const [seen] = cluster === undefined ? [] : seenCluster(cluster)
    if (cluster === undefined || seen === undefined) return undefined
    const hasFleets = cluster.InstanceCollectionType === 'INSTANCE_FLEET'
    const groups = hasFleets ? [] : await listGroups(ClusterId)
    const until = seen.endedAt ?? now()
    const priced = groups.map(({ type, running, requested, market }) => ({
      type,
      nodes: seen.endedAt === null ? running : requested,
      isSpot: market === 'SPOT',
    }))
    return {
      ...seen,
      release: cluster.ReleaseLabel ?? '',
      zone: cluster.Ec2InstanceAttributes?.Ec2AvailabilityZone ?? null,
      tags: Object.fromEntries((cluster.Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value])),
      groups,
      hasFleets,
      steps: await stepsOf(seen),
      cost: estimateCost(
        priced,
        seen.createdAt === null ? 0 : (until - seen.createdAt) / 3_600_000,
        config.prices ?? listPrices,
      ),
    }
  }

  async function listGroups(ClusterId: string): Promise<SeenGroup[]> {
    const { InstanceGroups = [] } = await ask(
      `asking for the instances of the cluster ${ClusterId}`,
      abortSignal => emr.send(new ListInstanceGroupsCommand({ ClusterId }), { abortSignal }),
    )
    return InstanceGroups.map(group => ({
      role: group.InstanceGroupType ?? '',
      type: group.InstanceType ?? '',
      market: group.Market ?? 'ON_DEMAND',
      state: group.Status?.State ?? '',
      requested: group.RequestedInstanceCount ?? 0,
      running: group.RunningInstanceCount ?? 0,
    }))
  }

  /** One page: the newest 50. */
  async function listSteps(ClusterId: string): Promise<SeenStep[]> {
    const { Steps = [] } = await ask(`asking for the steps of the cluster ${ClusterId}`, abortSignal =>
      emr.send(new ListStepsCommand({ ClusterId }), { abortSignal }),
    )
    return Steps.flatMap(step => seenStep(step, ClusterId))
  }

  async function stepsOf({ id, endedAt }: SeenCluster): Promise<readonly SeenStep[]> {
    return await (endedAt === null ? steps(id) : endedSteps(id))
  }

  async function measure(id: string): Promise<Utilisation | undefined> {
    const cluster = await known(id)
    if (cluster === undefined) return undefined
    return await ask('asking CloudWatch', abortSignal =>
      utilisation(cloudWatch, id, cluster.endedAt ?? now(), abortSignal),
    )
  }

  async function readReport(job: string): Promise<{ at: number; report: unknown } | undefined> {
    const key = `reports/${job}.json`
    const found = await ask(`reading ${lake.url}${key}`, async () => {
      try {
        // Read first: to ask what is known of an object does not tell a bucket that is gone from a report that never was.
        const text = String(await lake.get(key, { limit: REPORT_LIMIT }))
        return { at: (await lake.stat(key))?.modified ?? now(), text }
      } catch (error) {
        if (error instanceof LakeError && error.code === 'OBJECT_MISSING') return undefined
        throw error
      }
    })
    return found && { at: found.at, report: parsed(found.text) }
  }

  return {
    clusters: () => clusters(''),
    cluster: async id => ((await known(id)) === undefined ? undefined : await details(id)),
    utilisation: used,
    async runs() {
      const newest = (await clusters('')).slice(0, CLUSTERS_WITH_RUNS)
      const all: SeenStep[] = []
      // One after the other: EMR limits how many questions a second an account may ask.
      for (const cluster of newest) all.push(...(await stepsOf(cluster)))
      return all.filter(({ job }) => job !== null).sort((a, b) => (b.createdAt ?? 0) - (a.createdAt ?? 0))
    },
    async log(cluster, step) {
      const seen = await known(cluster)
      if (seen === undefined || !(await stepsOf(seen)).some(({ id }) => id === step)) return undefined
      return await texts(`${cluster} ${step}`)
    },
    retrainings: () => retrained(''),
    report: async job => (jobs.some(({ name }) => name === job) ? await reports(job) : undefined),
  }
}

function seenCluster({ Id, Name, Status }: ClusterSummary): SeenCluster[] {
  if (Id === undefined) return []
  const { CreationDateTime, ReadyDateTime, EndDateTime } = Status?.Timeline ?? {}
  return [
    {
      id: Id,
      name: Name ?? '',
      state: Status?.State ?? '',
      reason: Status?.StateChangeReason?.Message ?? null,
      createdAt: CreationDateTime?.getTime() ?? null,
      readyAt: ReadyDateTime?.getTime() ?? null,
      endedAt: EndDateTime?.getTime() ?? null,
    },
  ]
}

function seenStep({ Id, Name, Status, Config }: StepSummary, cluster: string): SeenStep[] {
  if (Id === undefined) return []
  const words = Config?.Args ?? []
  const script = words.findIndex(word => /\/\w+\.py$/.test(word) && !word.endsWith('.zip'))
  const file = words[script]?.split('/').at(-1)
  const { CreationDateTime, StartDateTime, EndDateTime } = Status?.Timeline ?? {}
  const { Reason, Message } = Status?.FailureDetails ?? {}
  const why = [Reason, Message].filter(Boolean).join(' ') || Status?.StateChangeReason?.Message
  return [
    {
      ...{ id: Id, cluster, name: Name ?? '' },
      job: jobs.find(job => job.script === file)?.name ?? null,
      state: Status?.State ?? '',
      createdAt: CreationDateTime?.getTime() ?? null,
      startedAt: StartDateTime?.getTime() ?? null,
      endedAt: EndDateTime?.getTime() ?? null,
      reason: why || null,
      words: script < 0 ? words : words.slice(script + 1),
    },
  ]
}

/** As it is, where it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function splitKey(key: string): [cluster: string, step: string] {
  const [cluster = '', step = ''] = key.split(' ')
  return [cluster, step]
}
