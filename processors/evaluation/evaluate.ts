/**
 * A release put to the test: labelled recordings run through the topology that serves, on a log in memory, and each
 * prediction is held against what the wearer said they did.
 */
import type { BaseLogger } from 'pino'
import { avroSerdes, localRegistry, Prediction, SensorReading } from '../../schemas/index.ts'
import { memoryBackend } from '../../state/index.ts'
import {
  type Log,
  lagOf,
  memoryLog,
  plan,
  RecordCursor,
  type Serde,
  type Timers,
} from '../../topology/index.ts'
import { activityNode, READY_WITHIN, servedTopology } from '../activity-node.ts'
import { ApplicationError } from '../errors.ts'
import { featureSchema } from '../features/schema.ts'
import { type IngestCounts, ingest } from '../ingest.ts'
import { scoreOf } from '../models/classifier.ts'
import { publishRelease } from '../models/publish.ts'
import { releaseKey, type UnpublishedRelease } from '../models/release.ts'
import { trustedSources } from '../models/trusted-sources.ts'
import type { RecordingEvent } from '../recordings/event.ts'
import type { Recordings } from '../recordings/reader.ts'
import type { RoutingPolicy } from '../routing/routing.ts'
import { applicationId, topicSpecs, topics } from '../topics.ts'
import { type Metrics, Tally } from './tally.ts'
import { mixed, WindowLabels } from './window-labels.ts'

/** Milliseconds a poll waits for more, and between two looks at the lag. */
const WAIT = 50
const clientId = 'evaluation'
/** Routes say what the release is unsure of, and nothing else. */
const byThresholds: RoutingPolicy = { requestsPerHour: Number.POSITIVE_INFINITY, randomShare: 0, seed: 1 }
const partition = { topic: topics.predictions, partition: 0 }

export interface EvaluationOptions {
  readonly release: UnpublishedRelease
  readonly recordings: Recordings
  /**
   * Keeps the windows with these labels only, and of each window's probabilities theirs, which then sum to 1.
   * Default: all of the release.
   */
  readonly classes?: readonly string[] | undefined
  readonly timers: Timers
  readonly logger: BaseLogger
  /** Once aborted, the evaluation is given up. */
  readonly signal: AbortSignal
  readonly onProgress: (progress: EvaluationProgress) => void
}

export interface EvaluationProgress {
  readonly readings: number
  /** Predictions so far. */
  readonly predictions: number
}

export interface Evaluation extends Metrics {
  /** name@version */
  readonly model: string
  readonly featureSchemaHash: string
  /** Of recordings. */
  readonly devices: number
  /** Taken from the recordings. */
  readonly readings: number
  /** Rows that are no readings, and were left out. */
  readonly malformedRows: number
  /** Windows that were predicted and not scored: all predictions = `windows` + these. */
  readonly leftOut: {
    /** Their readings do not share one label. */
    readonly mixed: number
    /** None of their readings has a label. */
    readonly unlabelled: number
    /** By label: it is none of the classes. */
    readonly otherLabels: Readonly<Record<string, number>>
  }
}

/**
 * @throws ApplicationError MODEL_…, MODEL_CLASS_UNKNOWN, RECORDINGS_UNLABELLED if no window could be scored; what the signal
 * was aborted with
 */
export async function evaluate(options: EvaluationOptions): Promise<Evaluation> {
  const { release, timers, logger } = options
  const scorer = new Scorer(release, options.classes)
  const log = memoryLog()
  const avro = avroSerdes(localRegistry())
  // Whoever named the release vouches for it.
  const trusted = await trustedSources([])
  const shared = { log, avro, clientId, timers, logger, model: release.name, routing: byThresholds, trusted }
  await log.admin.createTopics(topicSpecs(1))
  const { serving, topology } = await servedTopology(shared)
  try {
    await avro.register()
    await publishRelease({ release, status: 'promoted' }, { ...shared, schema: featureSchema })
    serving.start()
    await serving.whenReady(READY_WITHIN)
    const node = activityNode({ ...shared, state: memoryBackend(), guarantee: 'exactly_once' }, topology, {
      onNotice: text => logger.warn(text),
    })
    await node.start()
    try {
      const counts: IngestCounts = { readings: 0, malformed: 0, ended: 0 }
      // Nothing that was predicted is dropped before it was scored.
      await log.admin.setPositions(clientId, [{ ...partition, position: 0 }])
      const lag = async (): Promise<number> =>
        (await lagOf(log, plan(topology, applicationId))).reduce(
          (all, { end, position }) => all + end - position,
          0,
        )
      const values = {
        readings: avro.value(topics.readings, SensorReading),
        predictions: avro.value(topics.predictions, Prediction),
      }
      await Promise.race([stream({ ...options, log, scorer, counts, lag, values }), failure(node.run())])
      return result(options, scorer, counts)
    } finally {
      await node.close()
    }
  } finally {
    await serving.close()
    await log.close()
  }
}

interface Streaming extends EvaluationOptions {
  readonly log: Log
  readonly scorer: Scorer
  readonly counts: IngestCounts
  /** Readings not processed yet. */
  readonly lag: () => Promise<number>
  readonly values: { readonly readings: Serde<SensorReading>; readonly predictions: Serde<Prediction> }
}

/** Writes the readings in and scores the predictions that come out, until there are no more. */
async function stream(options: Streaming): Promise<void> {
  const { log, recordings, scorer, counts, signal, timers, lag, values, onProgress } = options
  let over = false
  const writing = ingest({
    log,
    events: noting(recordings.events(), scorer),
    value: values.readings,
    counts,
    signal,
    now: timers.now,
  }).then(async () => {
    while (!signal.aborted && (await lag()) > 0)
      await new Promise<void>(resolve => timers.after(WAIT, resolve))
    over = true
  })
  const reading = (async () => {
    const reader = await log.reader({ clientId })
    const cursor = new RecordCursor()
    let position = 0
    reader.seek(partition, position)
    // The end is asked for after the last reading was processed.
    while (!over || position < ((await log.admin.offsets(partition.topic))[0]?.end ?? 0)) {
      for (const batch of await reader.poll(WAIT)) {
        cursor.reset(batch, position)
        while (cursor.next())
          if (cursor.value !== null) scorer.take(values.predictions.deserialize(cursor.value))
        position = batch.lastOffset + 1
      }
      await log.admin.setPositions(clientId, [{ ...partition, position }])
      signal.throwIfAborted()
      onProgress({ readings: counts.readings, predictions: scorer.predictions })
    }
    await reader.close()
  })()
  await Promise.all([writing, reading])
}

/** A node that goes on for ever, unless it fails. */
async function failure(running: Promise<unknown>): Promise<never> {
  await running
  return await new Promise<never>(() => {})
}

/** The events as they are, after a look at their labels. */
async function* noting(
  events: AsyncIterable<readonly RecordingEvent[]>,
  scorer: Scorer,
): AsyncGenerator<readonly RecordingEvent[]> {
  for await (const chunk of events) {
    for (const event of chunk) if (event.kind === 'reading') scorer.note(event.reading)
    yield chunk
  }
}

/** Holds predictions against the labels of the readings they rest on. */
class Scorer {
  readonly tally: Tally
  readonly leftOut = { mixed: 0, unlabelled: 0, otherLabels: new Map<string, number>() }
  predictions = 0
  readonly #release: UnpublishedRelease
  readonly #classes: readonly string[]
  /** Of the classes, among the release's labels. */
  readonly #places: readonly number[]
  readonly #labels = new WindowLabels({
    size: featureSchema.seconds * 1000,
    advance: featureSchema.advanceSeconds * 1000,
  })

  constructor(release: UnpublishedRelease, classes: readonly string[] = release.labels) {
    this.#release = release
    this.#classes = classes
    this.#places = classes.map(label => placeOf(label, release))
    this.tally = new Tally(classes)
  }

  note(reading: SensorReading): void {
    this.#labels.add(reading)
  }

  take({ deviceId, windowStart, probabilities }: Prediction): void {
    this.predictions++
    const truth = this.#labels.take(deviceId, windowStart)
    if (truth === mixed) this.leftOut.mixed++
    else if (truth === null) this.leftOut.unlabelled++
    else if (!this.#classes.includes(truth)) {
      const { otherLabels } = this.leftOut
      otherLabels.set(truth, (otherLabels.get(truth) ?? 0) + 1)
    } else {
      const kept = this.#places.map(place => probabilities[place]!)
      // They are calibrated already.
      this.tally.add(truth, scoreOf(kept, { ...this.#release, labels: this.#classes, temperature: 1 }))
    }
  }
}

function placeOf(label: string, release: UnpublishedRelease): number {
  const place = release.labels.indexOf(label)
  if (place < 0) {
    const what = `${releaseKey(release)} has no class ${label}, but ${release.labels.join(', ')}`
    throw new ApplicationError('MODEL_CLASS_UNKNOWN', what)
  }
  return place
}

function result(
  { release, recordings }: EvaluationOptions,
  { tally, leftOut, predictions }: Scorer,
  { readings, malformed }: IngestCounts,
): Evaluation {
  const otherLabels = Object.fromEntries([...leftOut.otherLabels].sort())
  if (tally.windows === 0) {
    const others = Object.entries(otherLabels).map(([label, windows]) => `, ${windows} of ${label}`)
    throw new ApplicationError(
      'RECORDINGS_UNLABELLED',
      `of ${predictions} windows none can be scored: ${leftOut.unlabelled} without a label, ${leftOut.mixed} with several${others.join('')}`,
    )
  }
  return {
    model: releaseKey(release),
    featureSchemaHash: release.featureSchemaHash,
    devices: recordings.devices.length,
    readings,
    malformedRows: malformed,
    leftOut: { ...leftOut, otherLabels },
    ...tally.metrics(),
  }
}
