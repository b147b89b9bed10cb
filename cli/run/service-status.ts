/** The job's state as the console shows it. */
import type { ActivityJob, ActivityStatus } from '../../processors/activity-job.ts'
import type { Archive } from '../../processors/archive/archive.ts'
import type { FeatureStoreWriter } from '../../processors/feature-store/feature-store.ts'
import { applicationId } from '../../processors/topics.ts'
import type { Prediction } from '../../schemas/index.ts'
import type { ServiceStatus, ShownPrediction, StatusSource, TopologyStatus } from '../../service/status.ts'
import { type Graph, plan, storesOf } from '../../topology/index.ts'
import { passed } from './report.ts'

export interface StatusSourceOptions {
  readonly job: ActivityJob
  readonly features: FeatureStoreWriter
  readonly archive: Archive | undefined
  readonly startedAt: number
  readonly guarantee: string
  readonly log: string
  readonly sql: string
}

export function statusSource({
  job,
  features,
  archive,
  startedAt,
  guarantee,
  log,
  sql,
}: StatusSourceOptions): StatusSource {
  const nodes = nodesOf(job.topology)
  return {
    measures: () => job.status(),
    stalled: () => job.stalled,
    unready: () => (job.status().node.tasks.length === 0 ? 'no task runs yet' : undefined),
    status(): ServiceStatus {
      const status = job.status()
      const releases = job.models.releases()
      return {
        startedAt,
        guarantee,
        log,
        readings: status.node.processed,
        windowsClosed: status.node.windowsClosed,
        late: passed(status, 'motion', 'late'),
        deadLettered: status.ingest.malformed + status.node.deadLettered + status.sink.deadLettered,
        skipped: status.node.skipped,
        work: {
          tasks: status.node.tasks.map(({ name }) => name),
          standbys: status.node.standbys.map(({ name, lag }) => ({ task: name, lag })),
          restoring: status.node.restoring,
        },
        annotationRequests: passed(status, 'annotation-request', 'out'),
        annotation: job.annotation.status(),
        featureStore: features.status(),
        archive: archive?.status(),
        predictions: status.predictions.byVersion,
        // As the lag exporters do.
        lag: status.lag.map(({ topic, partition, lag, committed }) => ({
          group: applicationId,
          topic,
          partition,
          lag: committed ? lag : -1,
        })),
        sink: {
          target: sql,
          rows: status.sink.rows,
          lag: status.sink.lag,
          paused: status.sink.paused?.reason,
        },
        models: { ...releases, swaps: status.switches, shadowing: status.shadow },
        lastPredictions: status.last.map(prediction => shown(prediction, job)),
        topology: { nodes, edges: edgesOf(job.topology, status) },
      }
    },
  }
}

function shown(
  { probabilities, featureSchemaHash: _, ...prediction }: Prediction,
  job: ActivityJob,
): ShownPrediction {
  const labels = job.models.labels(prediction.modelVersion)
  const entries = probabilities.map((probability, i) => [labels[i] ?? `class ${i}`, probability] as const)
  return { ...prediction, probabilities: Object.fromEntries(entries) }
}

function nodesOf(graph: Graph): TopologyStatus['nodes'] {
  return plan(graph, applicationId).subTopologies.flatMap(part =>
    part.nodes.map(node => ({
      name: node.name,
      kind: node.kind,
      subTopology: part.id,
      topic: node.kind === 'source' || node.kind === 'sink' ? node.topics.join(', ') : undefined,
      store: storesOf(node).join(', ') || undefined,
    })),
  )
}

function edgesOf(graph: Graph, status: ActivityStatus): TopologyStatus['edges'] {
  return graph.nodes.flatMap(node =>
    node.inputs.map(input => ({
      from: input.node,
      to: node.name,
      output: input.output,
      total: passed(status, input.node, input.output),
    })),
  )
}
