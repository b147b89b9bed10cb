/**
 * The readings of the log predicted again, beside the application: by the releases that its tasks recorded, which must give
 * what they gave, bit by bit; or all by another release, a backtest.
 */
import type { BaseLogger } from 'pino'
import { type AvroSerdes, Prediction } from '../../schemas/index.ts'
import { type Graph, type Log, type ReplayedTask, replayTask, type Timers } from '../../topology/index.ts'
import { activityTopology } from '../activity-topology.ts'
import { ApplicationError } from '../errors.ts'
import { featureExtractor } from '../features/extract.ts'
import { featureSchema } from '../features/schema.ts'
import { modelSwitches } from '../models/model-switches.ts'
import { releaseKey } from '../models/release.ts'
import type { ReleaseId } from '../models/release-desk.ts'
import { ModelServing } from '../models/serving.ts'
import type { TrustedSources } from '../models/signature.ts'
import { releaseInForce } from '../release-in-force.ts'
import type { RoutingPolicy } from '../routing/routing.ts'
import { topicValues } from '../topic-values.ts'
import { applicationId, topics } from '../topics.ts'
import { Comparison, type Difference, type Pairs } from './comparison.ts'

/** Changes of labels that are told; there are few, or else the releases have little in common. */
const CHANGES = 50

export interface PredictionReplayOptions {
  readonly log: Log
  readonly avro: AvroSerdes
  readonly trusted: TrustedSources
  /** What the nodes run with: it is not recorded. */
  readonly routing: RoutingPolicy
  /** Unique among those who read. */
  readonly clientId: string
  readonly timers: Timers
  readonly logger: Pick<BaseLogger, 'info' | 'warn'>
  /** Scores with this release from the beginning to the end, instead of those recorded. */
  readonly release?: ReleaseId | undefined
  /** Each window that is predicted otherwise. */
  readonly onDifference?: (difference: Difference) => void
  /** Called now and then, with the predictions so far. */
  readonly onProgress?: (predictions: number) => void
}

export interface ReplayReport {
  /** name@version of a backtest; absent where what was recorded was followed. */
  readonly release?: string
  readonly readings: number
  /** Of the replay. */
  readonly predictions: number
  readonly byVersion: Readonly<Record<string, number>>
  /** In every field, bit by bit. */
  readonly identical: number
  /** In any field. */
  readonly different: number
  /** Recorded up to the position where the replay ends, but not replayed; and the other way round. */
  readonly missing: number
  readonly added: number
  /** Share of windows that both label alike; NaN without windows. */
  readonly agreement: number
  /** Windows whose label is another one, by both; the most frequent first. */
  readonly labelChanges: readonly {
    readonly recorded: string
    readonly replayed: string
    readonly windows: number
  }[]
  /** Windows that a person is asked about in one run only. */
  readonly routeChanges: number
  /** Mean distance of the confidences, over all windows of both. */
  readonly confidenceChange: number
  /** Partitions whose first readings are gone from the log: the windows there cannot be the same. */
  readonly incomplete: readonly {
    readonly partition: number
    readonly from: number
    readonly recordedFrom: number
  }[]
}

/** @throws ApplicationError MODEL_UNKNOWN, MODEL_…, REPLAY_DIVERGED; TickerError REPLAY_NOTHING_RECORDED, LOG_… */
export async function replayPredictions(options: PredictionReplayOptions): Promise<ReplayReport> {
  const { log, avro, clientId, release } = options
  const [first] = await modelSwitches({ log, applicationId, clientId })
  const name = release?.name ?? first?.name ?? ''
  const serving = new ModelServing({ ...options, name, schema: featureSchema })
  const partitions = await log.admin.offsets(topics.readings)
  const topology = replayedTopology(options, serving, partitions.length)
  // After all that writes or reads was made: it registers the schemas asked for so far.
  await avro.register()
  serving.history.start(() => {})
  try {
    await serving.history.caughtUp()
    // Before anything is replayed it is known whether it can be.
    if (release !== undefined) await serving.get(release.version)
    const committed = await log.admin.committed(applicationId, [topics.readings])
    const tally = new Tally(options.onDifference)
    for (const { partition } of partitions) {
      const until = committed.find(each => each.partition === partition)?.position ?? 0
      if (until > 0) await replayPartition(options, { topology, partition, until, tally })
    }
    return tally.report(release === undefined ? undefined : releaseKey(release))
  } finally {
    await serving.close()
  }
}

function replayedTopology(
  { avro, routing }: PredictionReplayOptions,
  serving: ModelServing,
  partitions: number,
): Graph {
  return activityTopology({
    avro,
    extractor: featureExtractor(featureSchema),
    release: releaseInForce(serving),
    score: async ({ version }, features) => (await serving.get(version)).score(features),
    // What came from the future was given up then, and is passed over now.
    now: () => Number.POSITIVE_INFINITY,
    routing,
    partitions,
  })
}

async function replayPartition(
  { log, avro, clientId, release, onProgress }: PredictionReplayOptions,
  { topology, partition, until, tally }: { topology: Graph; partition: number; until: number; tally: Tally },
): Promise<void> {
  const value = avro.value(topics.predictions, Prediction)
  const recorded = topicValues({ log, topic: topics.predictions, partition, value, clientId })
  const comparison = new Comparison(tally)
  /** Both are read at the same pace, so that little waits for its counterpart. */
  const takeRecorded = async (): Promise<boolean> => {
    const { done, value: prediction } = await recorded.next()
    if (done) return false
    comparison.recorded(prediction)
    return true
  }
  let begun = false
  const task = await replayTask({
    log,
    topology,
    applicationId,
    clientId,
    partition,
    until,
    ...(release !== undefined && { decide: () => release }),
    onBegin: () => {
      if (begun)
        throw new ApplicationError(
          'REPLAY_DIVERGED',
          'a reading fails now that did not fail when it was processed',
        )
      begun = true
    },
    onOutputs: async records => {
      for (const { topic, value: bytes } of records) {
        if (topic !== topics.predictions || bytes === null) continue
        const prediction = value.deserialize(bytes)
        tally.replayed(prediction)
        comparison.replayed(prediction)
        await takeRecorded()
      }
      onProgress?.(tally.predictions)
    },
  })
  // What was recorded beyond that, the application did after the replay's end was taken.
  while (comparison.added > 0 && (await takeRecorded()));
  await recorded.return(undefined)
  tally.ended(partition, task, comparison)
}

/** What is counted over all partitions. */
class Tally implements Pairs {
  predictions = 0
  readonly #onDifference: ((difference: Difference) => void) | undefined
  readonly #byVersion = new Map<string, number>()
  readonly #labelChanges = new Map<string, { recorded: string; replayed: string; windows: number }>()
  readonly #incomplete: { partition: number; from: number; recordedFrom: number }[] = []
  #readings = 0
  #identical = 0
  #different = 0
  #missing = 0
  #added = 0
  #relabelled = 0
  #rerouted = 0
  #confidenceChange = 0

  constructor(onDifference: ((difference: Difference) => void) | undefined) {
    this.#onDifference = onDifference
  }

  replayed({ modelVersion }: Prediction): void {
    this.predictions++
    this.#byVersion.set(modelVersion, (this.#byVersion.get(modelVersion) ?? 0) + 1)
  }

  identical(): void {
    this.#identical++
  }

  different(difference: Difference): void {
    const { recorded, replayed } = difference
    this.#different++
    this.#confidenceChange += Math.abs(recorded.confidence - replayed.confidence)
    if (isAsked(recorded) !== isAsked(replayed)) this.#rerouted++
    if (recorded.label !== replayed.label) {
      this.#relabelled++
      const labels = { recorded: recorded.label, replayed: replayed.label }
      const change = this.#labelChanges.get(JSON.stringify(labels)) ?? { ...labels, windows: 0 }
      change.windows++
      this.#labelChanges.set(JSON.stringify(labels), change)
    }
    this.#onDifference?.(difference)
  }

  ended(
    partition: number,
    { records, from, recordedFrom }: ReplayedTask,
    { missing, added }: Comparison,
  ): void {
    this.#readings += records
    this.#missing += missing
    this.#added += added
    if (from > recordedFrom) this.#incomplete.push({ partition, from, recordedFrom })
  }

  report(release: string | undefined): ReplayReport {
    const both = this.#identical + this.#different
    return {
      ...(release !== undefined && { release }),
      readings: this.#readings,
      predictions: this.predictions,
      byVersion: Object.fromEntries([...this.#byVersion].sort()),
      identical: this.#identical,
      different: this.#different,
      missing: this.#missing,
      added: this.#added,
      agreement: (both - this.#relabelled) / both,
      labelChanges: [...this.#labelChanges.values()].sort((a, b) => b.windows - a.windows).slice(0, CHANGES),
      routeChanges: this.#rerouted,
      confidenceChange: this.#confidenceChange / both,
      incomplete: this.#incomplete,
    }
  }
}

/** Whether a person is asked about it. */
function isAsked({ route }: Prediction): boolean {
  return route === 'unsure' || route === 'randomArm'
}
