/**
 * What the console shows of a running node: plain data, handed in by whoever runs it. Counts are totals since the
 * node began; rates are this folder's business (`sampler.ts`). Times are milliseconds since the epoch.
 */
import type { ActivityStatus } from '../processors/activity-job.ts'
import type { AnnotationStatus } from '../processors/annotation/annotation-desk.ts'
import type { ArchiveStatus } from '../processors/archive/archive.ts'
import type { FeatureStoreStatus } from '../processors/feature-store/feature-store.ts'
import type { ShadowStatus } from '../processors/models/shadow.ts'
import type { Prediction } from '../schemas/index.ts'

/** The service's only sight of the engine. All of it is called often, and answers from what is at hand. */
export interface StatusSource {
  status(): ServiceStatus
  measures(): Measures
  /** Why this node should be restarted, in one line; undefined while it makes progress. */
  stalled(): string | undefined
  /** Why it cannot do its work yet (restoring, no model), in one line. */
  unready(): string | undefined
}

/** What only the metrics tell: too much for a page that is sent it twice a second. */
export type Measures = Pick<ActivityStatus, 'ingest' | 'node' | 'predictions' | 'sink'>

export interface ServiceStatus {
  readonly startedAt: number
  /** `exactly_once` or `at_least_once`. */
  readonly guarantee: string
  /** For people, such as `memory` or `kafka localhost:9092`. */
  readonly log: string
  readonly readings: number
  readonly windowsClosed: number
  readonly late: number
  readonly deadLettered: number
  /** Records left out, because the failure policy said so. */
  readonly skipped: number
  readonly work: WorkStatus
  readonly annotationRequests: number
  /** What waits for people, what they said, and how accurate each release is by the random arm. */
  readonly annotation: AnnotationStatus
  readonly featureStore: FeatureStoreStatus
  /** Undefined where readings are not archived. */
  readonly archive?: ArchiveStatus | undefined
  /** By model version; their sum is the number of predictions. */
  readonly predictions: Readonly<Record<string, number>>
  readonly lag: readonly PartitionLag[]
  readonly sink: SinkStatus
  readonly models: ModelsStatus
  /** The newest first, at most 50. */
  readonly lastPredictions: readonly ShownPrediction[]
  readonly topology: TopologyStatus
}

/** Records that a consumer group has still to read of a partition; -1: it never committed. */
export interface PartitionLag {
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly lag: number
}

/** What the node does of the application's work. */
export interface WorkStatus {
  /** That it runs, by name. */
  readonly tasks: readonly string[]
  /** Copies of the state of tasks that run elsewhere; `lag`: records each lacks, if known. */
  readonly standbys: readonly { readonly task: string; readonly lag: number | undefined }[]
  /** Stores of tasks that begin here, with the records they still have to read. */
  readonly restoring: readonly { readonly task: string; readonly store: string; readonly left: number }[]
}

export interface SinkStatus {
  /** Where to, for people: `PGlite in memory`. */
  readonly target: string
  readonly rows: number
  readonly lag: number
  /** Why nothing is written at present. */
  readonly paused?: string
}

export interface ModelsStatus {
  readonly inForce?: { readonly name: string; readonly version: string }
  /** What scores beside it. */
  readonly shadow?: { readonly name: string; readonly version: string }
  /** How that does, in this thread. */
  readonly shadowing?: ShadowStatus | undefined
  /** Every release seen on the topic, the newest first. */
  readonly known: readonly KnownRelease[]
  /** What became of releases, and why; in order, the last ones. */
  readonly events: readonly ReleaseEvent[]
  readonly refused: readonly RefusedRelease[]
  /** All that were ever refused. */
  readonly refusals: number
  /** Only what a trusted key has signed is taken, and what the package itself ships. */
  readonly signaturesRequired: boolean
  /** What an operator should know, in one line each. */
  readonly warnings: readonly string[]
  /** When another version took over, in order. */
  readonly swaps: readonly { readonly version: string; readonly at: number }[]
}

export type ReleaseStatus = 'candidate' | 'promoted' | 'retired' | 'shadow'

export interface KnownRelease {
  readonly name: string
  readonly version: string
  readonly status: ReleaseStatus
  /** Who vouches for it: a key that is trusted, the package itself, or nobody. */
  readonly trust: 'signed' | 'shipped' | 'unverified'
  readonly reason: string | null
  readonly publishedAt: number
  /** Measured on people it was not trained on: accuracy, macroF1, calibrationError … */
  readonly metrics: Readonly<Record<string, number>>
}

export interface ReleaseEvent {
  readonly version: string
  readonly status: ReleaseStatus
  readonly reason: string | null
  readonly at: number
}

export interface RefusedRelease {
  readonly name: string
  readonly version: string
  readonly code: string
  readonly reason: string
  readonly at: number
}

/** A prediction with its probabilities by label. */
export interface ShownPrediction extends Omit<Prediction, 'probabilities' | 'featureSchemaHash'> {
  readonly probabilities: Readonly<Record<string, number>>
}

export interface TopologyStatus {
  /** Parents before children. */
  readonly nodes: readonly TopologyNode[]
  readonly edges: readonly TopologyEdge[]
}

export interface TopologyNode {
  readonly name: string
  readonly kind: string
  readonly subTopology: number
  /** Of a source or sink. */
  readonly topic?: string
  /** Of an operator that keeps state. */
  readonly store?: string
}

export interface TopologyEdge {
  readonly from: string
  readonly to: string
  /** Which output of `from`: `out`, `late`, a branch. */
  readonly output: string
  /** Records that passed. */
  readonly total: number
}
