/**
 * The activity job: all of one node put together. Topics are made, the release in force is loaded, the topology runs,
 * predictions go into SQL; `status` tells what it does, `finish` ends it with nothing left half done.
 */
import type { BaseLogger } from 'pino'
import { type AvroSerdes, Prediction, SensorReading } from '../schemas/index.ts'
import type { StateBackend } from '../state/store.ts'
import {
  type Graph,
  type Log,
  type NodeStatus,
  type ProcessingGuarantee,
  type Serde,
  StreamsNode,
  type Timers,
} from '../topology/index.ts'
import { activityTopology, type ReleaseId } from './activity-topology.ts'
import { rowDeadLetter } from './dead-letters.ts'
import { featureExtractor, featureSchema } from './features/index.ts'
import { type IngestCounts, ingest } from './ingest.ts'
import type { ModelServing } from './models/serving.ts'
import { type PredictionCounts, PredictionMonitor } from './prediction-monitor.ts'
import type { RecordingEvent } from './recordings/event.ts'
import { releaseInForce } from './release-in-force.ts'
import type { Sql } from './sinks/sql.ts'
import { type SqlSink, type SqlSinkStatus, startSqlSink } from './sinks/sql-sink.ts'
import { applicationId, topics } from './topics.ts'

export interface ActivityJobOptions {
  readonly log: Log
  readonly sql: Sql
  readonly avro: AvroSerdes
  readonly state: StateBackend
  readonly guarantee: ProcessingGuarantee
  /** Ready: a release of its model is in force and loaded. */
  readonly serving: ModelServing
  /** Unique among the nodes. */
  readonly clientId: string
  readonly logger: BaseLogger
  readonly timers: Timers
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
}

/** Milliseconds between two looks at the lag. */
const LAG_INTERVAL = 1000

export class ActivityJob {
  /** For drawing it. */
  readonly topology: Graph
  /** Rejects when the job cannot go on; never resolves. */
  readonly failed: Promise<never>
  readonly #options: ActivityJobOptions
  readonly #node: StreamsNode
  readonly #monitor: PredictionMonitor
  readonly #sink: SqlSink
  readonly #value: Serde<SensorReading>
  readonly #counts: IngestCounts = { readings: 0, malformed: 0, ended: 0 }
  readonly #switches: ModelSwitch[] = []
  #fail: (cause: unknown) => void = () => {}
  #version: string | undefined
  #lag: readonly PartitionLag[] = []
  #stopWatching = (): void => {}

  private constructor(options: ActivityJobOptions) {
    this.#options = options
    const { log, sql, avro, serving, logger, timers } = options
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.failed.catch(() => {})
    this.topology = activityTopology({
      avro,
      extractor: featureExtractor(featureSchema()),
      release: releaseInForce(serving),
      score: async (release, features) => (await serving.get(release.version)).score(features),
      now: timers.now,
    })
    this.#value = avro.value(topics.readings, SensorReading)
    const predictions = avro.value(topics.predictions, Prediction)
    this.#monitor = new PredictionMonitor({ log, value: predictions })
    this.#node = new StreamsNode({
      topology: this.topology,
      applicationId,
      clientId: options.clientId,
      log,
      state: options.state,
      guarantee: options.guarantee,
      timers,
      onNotice: text => logger.warn(text),
      onDeadLetter: letter => logger.debug({ code: letter.code, offset: letter.offset }, letter.message),
      onDecision: (_task, _store, decision) => this.#switched(decision.value),
    })
    this.#sink = startSqlSink({
      log,
      sql,
      topic: topics.predictions,
      group: `${applicationId}-sql-sink`,
      decode: bytes => predictions.deserialize(bytes),
      onDeadLetter: rowDeadLetter(log),
      timers,
      logger,
    })
  }

  /** Begins to process. The topics exist and the schemas are registered. @throws TickerError */
  static async start(options: ActivityJobOptions): Promise<ActivityJob> {
    const job = new ActivityJob(options)
    await job.#monitor.start()
    await job.#node.start()
    job.#node.run().catch(cause => job.#fail(cause))
    job.#watchLag()
    return job
  }

  /** Writes readings into the input topic until they are over or the signal is aborted. */
  async ingest(events: AsyncIterable<readonly RecordingEvent[]>, signal: AbortSignal): Promise<void> {
    const { log, timers } = this.#options
    await ingest({ log, events, signal, value: this.#value, counts: this.#counts, now: timers.now })
  }

  status(): ActivityStatus {
    return {
      ingest: this.#counts,
      node: this.#node.status(),
      lag: this.#lag,
      predictions: this.#monitor.counts(),
      last: this.#monitor.last,
      sink: this.#sink.status(),
      switches: this.#switches,
    }
  }

  /**
   * Processes what was written, commits, and waits until SQL has every prediction. Windows that are open stay open.
   * @param patience milliseconds to wait without any progress before leaving the rest to the next start
   * @returns the last status
   */
  async finish(patience: number): Promise<ActivityStatus> {
    await this.#drained(patience)
    this.#stopWatching()
    await this.#node.close()
    await this.#lookAtLag()
    await this.#monitor.stop()
    await this.#within(patience, this.#sink.drained())
    const status = this.status()
    await this.#sink.close()
    return status
  }

  async #drained(patience: number): Promise<void> {
    const { timers } = this.#options
    let before = -1
    let since = timers.now()
    while (true) {
      await this.#lookAtLag()
      const lag = this.#lag.reduce((sum, each) => sum + each.lag, 0)
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

  #switched(value: unknown): void {
    const { version } = value as ReleaseId // the only recorded input of this topology
    if (this.#version !== undefined && this.#version !== version) {
      this.#switches.push({ version, at: this.#options.timers.now() })
    }
    this.#version = version
  }

  #watchLag(): void {
    this.#stopWatching = this.#options.timers.after(LAG_INTERVAL, () => {
      this.#lookAtLag()
        .catch(cause => this.#options.logger.warn(`the lag cannot be told: ${cause}`))
        .finally(() => this.#watchLag())
    })
  }

  async #lookAtLag(): Promise<void> {
    const lags = await this.#node.lag()
    this.#lag = lags.map(({ topic, partition, end, position }) => ({ topic, partition, lag: end - position }))
  }
}
