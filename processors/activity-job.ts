/**
 * The activity job: all of one node put together. Topics are made, the release in force is loaded, the topology runs,
 * predictions go into SQL; `status` tells what it does, `finish` ends it with nothing left half done.
 */
import { randomUUID } from 'node:crypto'
import { Prediction, SensorReading } from '../schemas/index.ts'
import {
  type Graph,
  type Log,
  lagOf,
  type NodeListener,
  type NodeStatus,
  plan,
  type Serde,
  type StoreQueries,
  type StreamsNode,
  WorkerThreads,
  type WorkerThreadsOptions,
} from '../topology/index.ts'
import { type ActivityNodeOptions, activityNode, READY_WITHIN, servedTopology } from './activity-node.ts'
import type { ReleaseId } from './activity-topology.ts'
import { AnnotationDesk } from './annotation/annotation-desk.ts'
import { rowDeadLetter } from './dead-letters.ts'
import { ApplicationError } from './errors.ts'
import { featureSchema } from './features/schema.ts'
import { type IngestCounts, ingest } from './ingest.ts'
import { publishRelease } from './models/publish.ts'
import { type ReleaseDesk, releaseDesk } from './models/release-desk.ts'
import type { ModelServing } from './models/serving.ts'
import type { Shadow, ShadowStatus } from './models/shadow.ts'
import { shippedReleases } from './models/shipped.ts'
import { type PredictionCounts, PredictionMonitor } from './prediction-monitor.ts'
import type { RecordingEvent } from './recordings/event.ts'
import { type ReplayReport, replayPredictions } from './replay/replay-predictions.ts'
import type { Sql } from './sinks/sql.ts'
import { type SqlSink, type SqlSinkStatus, startSqlSink } from './sinks/sql-sink.ts'
import { applicationId, topicSpecs, topics } from './topics.ts'

export interface ActivityJobOptions extends ActivityNodeOptions {
  readonly sql: Sql
  /** Which model's releases are followed. The first one shipped is published if the topic has none of any. */
  readonly model: string
  /** Runs the topology in worker threads instead of this one; each makes its node by `activityThread`. */
  readonly threads?: Pick<WorkerThreadsOptions, 'module' | 'data' | 'threads'> | undefined
  /** Of the topics that are divided by device, where they do not exist yet. */
  readonly partitions: number
}

/** A release that took over from another one. */
export interface ModelSwitch {
  readonly version: string
  /** When the first task took it, milliseconds since the epoch. */
  readonly at: number
}

export interface PartitionLag {
  readonly topic: string
  readonly partition: number
  /** Records not yet committed as processed. */
  readonly lag: number
  /** Whether a position was ever committed. */
  readonly committed: boolean
}

export interface ActivityStatus {
  readonly ingest: Readonly<IngestCounts>
  readonly node: NodeStatus
  /** As of the last second. */
  readonly lag: readonly PartitionLag[]
  readonly predictions: PredictionCounts
  /** The newest first. */
  readonly last: readonly Prediction[]
  readonly sink: SqlSinkStatus
  readonly switches: readonly ModelSwitch[]
  /** Of this thread: worker threads have shadows of their own. Absent while no release is in shadow. */
  readonly shadow: ShadowStatus | undefined
}

/** Milliseconds between two looks at the lag. */
const LAG_INTERVAL = 1000
/** Milliseconds without a record processed, while records wait, after which the node counts as stalled. */
const STALLED_AFTER = 60_000

/** What a job is made of, running. */
interface Running {
  readonly topology: Graph
  readonly node: StreamsNode | WorkerThreads
  readonly monitor: PredictionMonitor
  readonly sink: SqlSink
  readonly annotation: AnnotationDesk
  readonly readings: Serde<SensorReading>
  readonly switches: readonly ModelSwitch[]
  readonly serving: ModelServing
  readonly shadow: Shadow
}

/** Makes the topics, registers the schemas, loads the release in force, and begins to process. */
export async function startActivityJob(options: ActivityJobOptions): Promise<ActivityJob> {
  const { log, avro, model, trusted, clientId, timers } = options
  const readings = avro.value(topics.readings, SensorReading)
  const predictions = avro.value(topics.predictions, Prediction)
  const publishing = { log, avro, schema: featureSchema, trusted, clientId, timers }
  await log.admin.createTopics(topicSpecs(options.partitions, options.replicationFactor))
  const { serving, shadow, topology } = await servedTopology(options)
  const annotation = openDesk(options, serving)
  await avro.register()
  const [first] = await shippedReleases(model)
  if (first !== undefined && (await isEmpty(log, topics.models)))
    await publishRelease({ release: first, status: 'promoted', reason: 'the first one shipped' }, publishing)
  serving.start()
  try {
    await serving.whenReady(READY_WITHIN)
    return await startProcessing(options, { serving, shadow, topology, annotation, readings, predictions })
  } catch (error) {
    await shadow.close()
    await serving.close()
    throw error
  }
}

/** The part of the start that needs a release in force. */
async function startProcessing(
  options: ActivityJobOptions,
  made: {
    serving: ModelServing
    shadow: Shadow
    topology: Graph
    annotation: AnnotationDesk
    readings: Serde<SensorReading>
    predictions: Serde<Prediction>
  },
): Promise<ActivityJob> {
  const { log, sql, clientId, logger, timers } = options
  const { serving, shadow, topology, annotation, readings, predictions } = made

  const switches: ModelSwitch[] = []
  let { version } = serving.inForce()
  const listener: NodeListener = {
    onNotice: text => logger.warn(text),
    onDeadLetter: letter => logger.debug({ code: letter.code, offset: letter.offset }, letter.message),
    // Every task takes a release by itself; the first one to do so makes the switch.
    onDecision: (_task, _store, { value }) => {
      if (!isReleaseId(value) || value.version === version) return
      version = value.version
      switches.push({ version, at: timers.now() })
    },
  }
  // Tasks that run in other threads are shadowed there.
  if (options.threads !== undefined) await shadow.close()
  const node =
    options.threads === undefined
      ? activityNode(options, topology, listener)
      : new WorkerThreads({ ...options.threads, clientId, ...listener })
  const monitor = new PredictionMonitor({ log, value: predictions, timers, logger })
  await node.start()
  await monitor.start()
  await annotation.start()
  const sink = startSqlSink({
    log,
    sql,
    topic: topics.predictions,
    group: `${applicationId}-sql-sink`,
    clientId: `${clientId}-sql-sink`,
    decode: bytes => predictions.deserialize(bytes),
    onDeadLetter: rowDeadLetter(log),
    timers,
    logger,
  })
  return new ActivityJob(options, {
    topology,
    node,
    monitor,
    sink,
    annotation,
    readings,
    switches,
    serving,
    shadow,
  })
}

/** What waits for people is ordered by the release in force, also if another one routed it. */
function openDesk(options: ActivityJobOptions, serving: ModelServing): AnnotationDesk {
  const { log, avro, clientId, timers, logger } = options
  const desk = new AnnotationDesk({
    log,
    avro,
    clientId: `${clientId}-annotation`,
    labels: version => serving.labels(version),
    featureSchemaHash: featureSchema.hash,
    leastSamples: (featureSchema.hertz * featureSchema.seconds) / 2,
    newId: randomUUID,
    timers,
    logger,
  })
  let orderedBy: string | undefined
  serving.onChange(() => {
    const { inForce } = serving.releases()
    if (inForce === undefined || inForce.version === orderedBy) return
    orderedBy = inForce.version
    desk
      .reorder(async vectors => {
        const classifier = await serving.get(inForce.version)
        return (await classifier.score(vectors)).map(({ margin }) => margin)
      })
      .catch(error => logger.warn(`windows that wait for people stay in their order: ${error}`))
  })
  return desk
}

export class ActivityJob {
  /** For drawing it. */
  readonly topology: Graph
  /** Rejects when the job cannot go on; never resolves. */
  readonly failed: Promise<never>
  readonly #options: ActivityJobOptions
  readonly #running: Running
  readonly #counts: IngestCounts = { readings: 0, malformed: 0, ended: 0 }
  #lag: readonly PartitionLag[] = []
  /** How many records were processed when that number last changed, or nothing waited, and when that was. */
  #progress = { processed: 0, at: 0 }
  #closed = false
  #replaying = false
  #stopWatching = (): void => {}

  constructor(options: ActivityJobOptions, running: Running) {
    this.#options = options
    this.#running = running
    this.topology = running.topology
    this.failed = new Promise((_, reject) => {
      running.node.run().catch(reject)
    })
    this.failed.catch(() => {}) // whoever waits for it is told
    this.#progress.at = options.timers.now()
    this.#watchLag()
  }

  /** Who asks people, and what they said. */
  get annotation(): AnnotationDesk {
    return this.#running.annotation
  }

  /** The releases known, and the one in force. */
  get models(): ModelServing {
    return this.#running.serving
  }

  /** Reads the stores. */
  get queries(): StoreQueries {
    return this.#running.node.query
  }

  /** Publishes, promotes, rolls back. */
  get releases(): ReleaseDesk {
    const { log, avro, model, trusted, clientId, timers } = this.#options
    const { history } = this.#running.serving
    return releaseDesk({
      log,
      avro,
      schema: featureSchema,
      trusted,
      clientId,
      timers,
      name: model,
      history,
      applicationId,
    })
  }

  /**
   * Predicts again what is on the log, beside what runs: as recorded, or by another release. One at a time.
   * @throws ApplicationError REPLAY_UNDER_WAY, REPLAY_DIVERGED, MODEL_…; TickerError
   */
  async replay(release: ReleaseId | undefined): Promise<ReplayReport> {
    if (this.#replaying) throw new ApplicationError('REPLAY_UNDER_WAY', 'another replay is under way')
    this.#replaying = true
    try {
      return await replayPredictions({
        ...this.#options,
        clientId: `${this.#options.clientId}-replay`,
        release,
      })
    } finally {
      this.#replaying = false
    }
  }

  /** Why it should be started again, in one line; undefined while it makes progress. */
  get stalled(): string | undefined {
    const idle = this.#options.timers.now() - this.#progress.at
    if (idle < STALLED_AFTER) return undefined
    return `${this.#waiting()} records wait and none was processed for ${Math.round(idle / 1000)} s`
  }

  /** Writes readings into the input topic until they are over or the signal is aborted. */
  async ingest(events: AsyncIterable<readonly RecordingEvent[]>, signal: AbortSignal): Promise<void> {
    const { log, timers } = this.#options
    await ingest({
      log,
      events,
      signal,
      value: this.#running.readings,
      counts: this.#counts,
      now: timers.now,
    })
  }

  status(): ActivityStatus {
    const { node, monitor, sink, switches } = this.#running
    return {
      ingest: this.#counts,
      node: node.status(),
      lag: this.#lag,
      predictions: monitor.counts(),
      last: monitor.last,
      sink: sink.status(),
      switches,
      shadow: this.#running.shadow.status(),
    }
  }

  /**
   * Processes what was written, commits, and waits until SQL has every prediction. Windows that are open stay open.
   * @param patience milliseconds to wait without any progress before leaving the rest to the next start
   * @returns the last status
   */
  async finish(patience: number): Promise<ActivityStatus> {
    const { node, monitor, sink } = this.#running
    await this.#drained(patience)
    await node.close()
    await this.#lookAtLag()
    await monitor.stop()
    await this.#within(patience, sink.drained())
    return this.status()
  }

  /** Stops, without waiting for what is under way unless it was finished: it is done again at the next start. */
  async close(): Promise<void> {
    const { node, monitor, sink, annotation, serving, shadow } = this.#running
    this.#closed = true
    this.#stopWatching()
    await sink.close()
    await node.close()
    await monitor.stop()
    await annotation.close()
    await shadow.close()
    await serving.close()
  }

  async #drained(patience: number): Promise<void> {
    const { timers } = this.#options
    let before = -1
    let since = timers.now()
    while (true) {
      await this.#lookAtLag()
      const lag = this.#waiting()
      if (lag === 0) return
      if (lag !== before) {
        before = lag
        since = timers.now()
      } else if (timers.now() - since > patience) {
        return this.#options.logger.warn(`${lag} records are left unprocessed`)
      }
      await this.#within(50, this.failed)
    }
  }

  /** Waits for a promise, but no longer than so many milliseconds. */
  async #within(limit: number, promise: Promise<void>): Promise<void> {
    let cancel = (): void => {}
    const expired = new Promise<void>(resolve => {
      cancel = this.#options.timers.after(limit, resolve)
    })
    await Promise.race([promise, expired])
    cancel()
  }

  #watchLag(): void {
    this.#stopWatching = this.#options.timers.after(LAG_INTERVAL, () => {
      this.#lookAtLag()
        .catch(cause => this.#options.logger.warn(`the lag cannot be told: ${cause}`))
        // A look that is under way when the job is closed is the last one.
        .finally(() => {
          if (!this.#closed) this.#watchLag()
        })
    })
  }

  async #lookAtLag(): Promise<void> {
    const lags = await lagOf(this.#options.log, plan(this.topology, applicationId))
    this.#lag = lags.map(({ topic, partition, end, position, committed }) => ({
      topic,
      partition,
      lag: end - position,
      committed,
    }))
    const { processed } = this.#running.node.status()
    if (processed !== this.#progress.processed || this.#waiting() === 0) {
      this.#progress = { processed, at: this.#options.timers.now() }
    }
  }

  #waiting(): number {
    return this.#lag.reduce((sum, each) => sum + each.lag, 0)
  }
}

async function isEmpty(log: Log, topic: string): Promise<boolean> {
  return (await log.admin.offsets(topic)).every(({ start, end }) => start === end)
}

function isReleaseId(value: unknown): value is ReleaseId {
  return (
    typeof value === 'object' && value !== null && 'version' in value && typeof value.version === 'string'
  )
}
