/**
 * EMR for tests: its API (AWS JSON 1.1) over HTTP, with clusters and steps that go through their states as the real ones
 * do (EMR API reference, ClusterStatus and StepStatus). What a step runs is given: it may truly run spark-submit.
 */
import { createServer, type IncomingMessage } from 'node:http'
import { gzipSync } from 'node:zlib'
import { z } from 'zod'

export type ClusterState =
  | 'STARTING'
  | 'BOOTSTRAPPING'
  | 'RUNNING'
  | 'WAITING'
  | 'TERMINATING'
  | 'TERMINATED'
  | 'TERMINATED_WITH_ERRORS'

export type StepState = 'PENDING' | 'RUNNING' | 'COMPLETED' | 'FAILED' | 'CANCELLED'

export interface FakeStep {
  readonly id: string
  readonly name: string
  readonly words: readonly string[]
  state: StepState
  readonly stopped: AbortController
  /** Milliseconds since the epoch, as all times. */
  readonly createdAt: number
  startedAt?: number
  endedAt?: number
}

export interface FakeCluster {
  readonly id: string
  readonly name: string
  /** The request that made it. */
  readonly request: Readonly<Record<string, unknown>>
  readonly release: string
  readonly tags: readonly { readonly Key: string; readonly Value: string }[]
  state: ClusterState
  reason: { Code?: string; Message?: string }
  readonly steps: FakeStep[]
  /** So often it is asked for before it goes on to the next state. */
  patience: number
  readonly createdAt: number
  readyAt?: number
  endedAt?: number
}

export interface StepResult {
  readonly code: number
  /** Of spark-submit. */
  readonly stderr: string
  /** Of the driver, which runs in a container of YARN; none if it came to no application. */
  readonly driver?: { readonly stdout: string; readonly stderr: string }
}

export interface FakeEmrOptions {
  /** Runs a step's words; ends when the signal is aborted. */
  readonly run: (words: readonly string[], signal: AbortSignal) => Promise<StepResult>
  /** Takes a log to where LogUri says. */
  readonly log: (uri: string, bytes: Buffer) => Promise<void>
}

export interface FakeEmr {
  readonly url: string
  readonly clusters: FakeCluster[]
  /** Names of the operations called. */
  readonly calls: string[]
  /** Takes calls and does not answer them. */
  silent: boolean
  /** The next clusters do not start, for this reason. */
  startFails: { readonly Code: string; readonly Message: string } | undefined
  /** Answers every call with this error. */
  refuse: { readonly type: string; readonly message: string } | undefined
  stop(): Promise<void>
}

const runJobFlow = z.object({
  Name: z.string(),
  ReleaseLabel: z.string(),
  LogUri: z.string().endsWith('/'),
  ServiceRole: z.string(),
  JobFlowRole: z.string(),
  Instances: z.object({
    InstanceGroups: z
      .array(z.object({ InstanceRole: z.enum(['MASTER', 'CORE', 'TASK']), InstanceType: z.string() }).loose())
      .min(1),
    KeepJobFlowAliveWhenNoSteps: z.boolean(),
  }),
  Tags: z.array(z.object({ Key: z.string(), Value: z.string() })),
})
const addSteps = z.object({
  JobFlowId: z.string(),
  Steps: z.array(
    z.object({
      Name: z.string(),
      ActionOnFailure: z.string(),
      HadoopJarStep: z.object({ Jar: z.literal('command-runner.jar'), Args: z.array(z.string()) }),
    }),
  ),
})
const ofCluster = z.object({ ClusterId: z.string() })
const ofStep = z.object({ ClusterId: z.string(), StepId: z.string() })
const ofSteps = z.object({ ClusterId: z.string(), StepIds: z.array(z.string()) })
const ofStepStates = z.object({ ClusterId: z.string(), StepStates: z.array(z.string()).optional() })
const ofStates = z.object({
  ClusterStates: z.array(z.string()).optional(),
  CreatedAfter: z.number().optional(),
})
const ofGroups = z.object({
  Instances: z.object({
    InstanceGroups: z.array(
      z.object({
        InstanceRole: z.string(),
        InstanceType: z.string(),
        InstanceCount: z.int(),
        Market: z.string().optional(),
      }),
    ),
  }),
})
const ofJobFlows = z.object({ JobFlowIds: z.array(z.string()) })

class Refused extends Error {}

export async function startFakeEmr({ run, log }: FakeEmrOptions): Promise<FakeEmr> {
  let ids = 0
  const running = new Set<Promise<void>>()

  function clusterOf(id: string): FakeCluster {
    const cluster = emr.clusters.find(each => each.id === id)
    if (cluster === undefined) throw new Refused(`Cluster id '${id}' is not valid.`)
    return cluster
  }

  function stepOf(cluster: FakeCluster, id: string): FakeStep {
    const step = cluster.steps.find(each => each.id === id)
    if (step === undefined) throw new Refused(`Step id '${id}' is not valid.`)
    return step
  }

  /** A cluster goes on when it has been asked for often enough, so that a test sees its states without a clock. */
  function advance(cluster: FakeCluster): void {
    if (cluster.patience-- > 0) return
    cluster.patience = 1
    const { state } = cluster
    if (state === 'STARTING') {
      if (emr.startFails === undefined) cluster.state = 'BOOTSTRAPPING'
      else {
        cluster.state = 'TERMINATED_WITH_ERRORS'
        cluster.reason = emr.startFails
      }
    } else if (state === 'BOOTSTRAPPING') {
      cluster.state = 'WAITING'
      cluster.readyAt = Date.now()
    } else if (state === 'TERMINATING') {
      cluster.state = 'TERMINATED'
      cluster.endedAt = Date.now()
    }
    startNext(cluster)
  }

  /** Steps run one after the other. */
  function startNext(cluster: FakeCluster): void {
    if (cluster.state !== 'WAITING') return
    const step = cluster.steps.find(({ state }) => state === 'PENDING')
    if (step === undefined) return
    step.state = 'RUNNING'
    step.startedAt = Date.now()
    cluster.state = 'RUNNING'
    const work = runStep(cluster, step).finally(() => {
      running.delete(work)
      if (cluster.state === 'RUNNING') cluster.state = 'WAITING'
      startNext(cluster)
    })
    running.add(work)
  }

  async function runStep(cluster: FakeCluster, step: FakeStep): Promise<void> {
    const result = await run(step.words, step.stopped.signal).catch(
      (error): StepResult => ({ code: 1, stderr: String(error) }),
    )
    const place = `${String(cluster.request.LogUri)}${cluster.id}`
    const application = `application_1790000000000_${step.id.slice(-4)}`
    const said = result.driver ? `Submitted application ${application}\n${result.stderr}` : result.stderr
    const write = async (path: string, text: string): Promise<void> =>
      await log(`${place}/${path}.gz`, gzipSync(text)).catch(() => {})
    await write(`steps/${step.id}/stderr`, said)
    const container = `containers/${application}/container_${application.slice(12)}_01_000001`
    for (const [name, text] of Object.entries(result.driver ?? {})) await write(`${container}/${name}`, text)
    const { code } = result
    if (step.state === 'RUNNING') step.state = code === 0 ? 'COMPLETED' : 'FAILED'
    step.endedAt = Date.now()
  }

  function end(steps: readonly FakeStep[]): void {
    for (const step of steps) {
      if (step.state !== 'PENDING' && step.state !== 'RUNNING') continue
      step.state = 'CANCELLED'
      step.stopped.abort()
    }
  }

  const describedStep = (step: FakeStep) => ({
    Id: step.id,
    Name: step.name,
    Config: { Jar: 'command-runner.jar', Args: step.words },
    Status: {
      State: step.state,
      Timeline: {
        CreationDateTime: seconds(step.createdAt),
        StartDateTime: seconds(step.startedAt),
        EndDateTime: seconds(step.endedAt),
      },
      ...(step.state === 'FAILED' && {
        FailureDetails: { Reason: 'Unknown Error.', Message: 'Exception in thread "main"' },
      }),
    },
  })

  const statusOf = ({ state, reason, createdAt, readyAt, endedAt }: FakeCluster) => ({
    State: state,
    StateChangeReason: reason,
    Timeline: {
      CreationDateTime: seconds(createdAt),
      ReadyDateTime: seconds(readyAt),
      EndDateTime: seconds(endedAt),
    },
  })

  const operations: Readonly<Record<string, (input: unknown) => object>> = {
    RunJobFlow(input) {
      const request = runJobFlow.parse(input)
      const cluster: FakeCluster = {
        id: `j-${String(++ids).padStart(13, '0')}`,
        name: request.Name,
        request,
        release: request.ReleaseLabel,
        tags: request.Tags,
        state: 'STARTING',
        reason: {},
        steps: [],
        patience: 1,
        createdAt: Date.now(),
      }
      emr.clusters.push(cluster)
      return { JobFlowId: cluster.id }
    },
    /** The newest first. */
    ListClusters(input) {
      const { ClusterStates, CreatedAfter = 0 } = ofStates.parse(input)
      const found = emr.clusters.filter(
        ({ state, createdAt }) =>
          (ClusterStates?.includes(state) ?? true) && createdAt >= CreatedAfter * 1000,
      )
      return {
        Clusters: found
          .toSorted((a, b) => b.createdAt - a.createdAt)
          .map(cluster => ({ Id: cluster.id, Name: cluster.name, Status: statusOf(cluster) })),
      }
    },
    DescribeCluster(input) {
      const cluster = clusterOf(ofCluster.parse(input).ClusterId)
      advance(cluster)
      const { id, name, release, tags } = cluster
      const Status = statusOf(cluster)
      return { Cluster: { Id: id, Name: name, Status, ReleaseLabel: release, Tags: tags } }
    },
    /** Nodes are there as soon as the cluster takes steps, and gone with it. */
    ListInstanceGroups(input) {
      const { state, request } = clusterOf(ofCluster.parse(input).ClusterId)
      const isThere = state === 'WAITING' || state === 'RUNNING'
      return {
        InstanceGroups: ofGroups.parse(request).Instances.InstanceGroups.map((group, i) => ({
          Id: `ig-${i}`,
          InstanceGroupType: group.InstanceRole,
          InstanceType: group.InstanceType,
          Market: group.Market ?? 'ON_DEMAND',
          RequestedInstanceCount: group.InstanceCount,
          RunningInstanceCount: isThere ? group.InstanceCount : 0,
          Status: {
            State: isThere ? 'RUNNING' : state.startsWith('TERMINATED') ? 'TERMINATED' : 'PROVISIONING',
          },
        })),
      }
    },
    AddJobFlowSteps(input) {
      const { JobFlowId, Steps } = addSteps.parse(input)
      const cluster = clusterOf(JobFlowId)
      if (cluster.state.startsWith('TERMINAT'))
        throw new Refused('A job flow that is shutting down takes no steps.')
      const steps = Steps.map(
        ({ Name, HadoopJarStep }): FakeStep => ({
          id: `s-${String(++ids).padStart(13, '0')}`,
          name: Name,
          words: HadoopJarStep.Args,
          state: 'PENDING',
          stopped: new AbortController(),
          createdAt: Date.now(),
        }),
      )
      cluster.steps.push(...steps)
      return { StepIds: steps.map(({ id }) => id) }
    },
    DescribeStep(input) {
      const { ClusterId, StepId } = ofStep.parse(input)
      const cluster = clusterOf(ClusterId)
      const described = describedStep(stepOf(cluster, StepId))
      // Steps may be added before the cluster is ready.
      if (cluster.state === 'STARTING' || cluster.state === 'BOOTSTRAPPING') advance(cluster)
      else startNext(cluster)
      return { Step: described }
    },
    ListSteps(input) {
      const { ClusterId, StepStates } = ofStepStates.parse(input)
      const found = clusterOf(ClusterId).steps.filter(({ state }) => StepStates?.includes(state) ?? true)
      return { Steps: found.toReversed().map(describedStep) }
    },
    CancelSteps(input) {
      const { ClusterId, StepIds } = ofSteps.parse(input)
      const cluster = clusterOf(ClusterId)
      end(StepIds.map(id => stepOf(cluster, id)))
      return { CancelStepsInfoList: StepIds.map(StepId => ({ StepId, Status: 'SUBMITTED' })) }
    },
    TerminateJobFlows(input) {
      for (const id of ofJobFlows.parse(input).JobFlowIds) {
        const cluster = clusterOf(id)
        if (cluster.state.startsWith('TERMINATED')) continue
        cluster.state = 'TERMINATING'
        end(cluster.steps)
      }
      return {}
    },
  }

  const http = createServer((request, response) => {
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body))
    }
    bodyOf(request).then(
      text => {
        const operation = /^ElasticMapReduce\.(\w+)$/.exec(String(request.headers['x-amz-target']))?.[1] ?? ''
        emr.calls.push(operation)
        if (emr.silent) return
        if (emr.refuse) return answer(400, { __type: emr.refuse.type, message: emr.refuse.message })
        try {
          const work = operations[operation]
          if (work === undefined) throw new Refused(`${operation} is not known here.`)
          answer(200, work(JSON.parse(text)))
        } catch (error) {
          const message = error instanceof Error ? error.message : String(error)
          answer(400, { __type: 'ValidationException', message })
        }
      },
      () => response.destroy(),
    )
  })
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  const address = http.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen')

  const emr: FakeEmr = {
    url: `http://127.0.0.1:${address.port}`,
    clusters: [],
    calls: [],
    silent: false,
    startFails: undefined,
    refuse: undefined,
    async stop() {
      for (const cluster of emr.clusters) end(cluster.steps)
      await Promise.allSettled(running)
      http.closeAllConnections()
      await new Promise(resolve => http.close(resolve))
    },
  }
  return emr
}

/** As AWS JSON has times. */
function seconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : milliseconds / 1000
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const piece of request.setEncoding('utf8')) text += piece
  return text
}
