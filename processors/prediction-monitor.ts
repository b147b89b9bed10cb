/**
 * Follows the predictions as they are committed, those of all nodes: the last ones for the page, counts by model version and
 * route, how old and how sure they are, and a digest by which two runs can be compared.
 */
import { createHash } from 'node:crypto'
import type { BaseLogger } from 'pino'
import type { Prediction, Route } from '../schemas/index.ts'
import {
  type Distribution,
  distribution,
  type Log,
  observe,
  RecordCursor,
  readyOf,
  type Serde,
  type Timers,
} from '../topology/index.ts'
import { topics } from './topics.ts'

/** How many of the last predictions are kept. */
const LAST = 50
/** Milliseconds a poll waits for more. */
const POLL_WAIT = 250
/** Milliseconds until a log that failed is asked again. */
const RETRY = 1000
/** Seconds, and probabilities, by which ages and confidences are counted. */
const AGES = [0.5, 1, 2, 3, 5, 7.5, 10, 15, 30, 60, 300, 1800, 3600]
const CONFIDENCES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]

export interface PredictionCounts {
  readonly predictions: number
  readonly byVersion: Readonly<Record<string, number>>
  /** All of them, also those that none took yet: a rate of what is not there is none. */
  readonly byRoute: Readonly<Record<Route, number>>
  /** Seconds from the end of a window, in event time, until its prediction was read here. */
  readonly age: Distribution
  /** By model version, the calibrated probability of the class predicted. */
  readonly confidence: Readonly<Record<string, Distribution>>
  /** Of all predictions seen, whatever their order; hexadecimal. */
  readonly digest: string
}

export class PredictionMonitor {
  readonly #log: Log
  readonly #value: Serde<Prediction>
  readonly #timers: Timers
  readonly #logger: Pick<BaseLogger, 'warn'>
  readonly #positions = new Map<number, number>()
  readonly #byVersion = new Map<string, number>()
  readonly #byRoute: Record<Route, number> = { randomArm: 0, sure: 0, unsure: 0, unsureOverBudget: 0 }
  readonly #age = distribution(AGES)
  readonly #confidence = new Map<string, Distribution>()
  #last: Prediction[] = []
  #predictions = 0
  #digest = 0n
  #stopping = false
  #loop: Promise<void> = Promise.resolve()

  constructor(options: {
    log: Log
    value: Serde<Prediction>
    timers: Timers
    logger: Pick<BaseLogger, 'warn'>
  }) {
    this.#log = options.log
    this.#value = options.value
    this.#timers = options.timers
    this.#logger = options.logger
  }

  /** Follows from the present end of the topic on. */
  async start(): Promise<void> {
    for (const { partition, end } of await this.#log.admin.offsets(topics.predictions)) {
      this.#positions.set(partition, end)
    }
    this.#loop = this.#follow()
  }

  /** The newest first. */
  get last(): readonly Prediction[] {
    return this.#last
  }

  counts(): PredictionCounts {
    return {
      predictions: this.#predictions,
      byVersion: Object.fromEntries([...this.#byVersion].sort()),
      byRoute: { ...this.#byRoute },
      age: this.#age,
      confidence: Object.fromEntries(this.#confidence),
      digest: this.#digest.toString(16).padStart(32, '0'),
    }
  }

  /** Takes in what is there now, and stops. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#loop
  }

  /** A log that fails is asked again, from where it was left; when stopping, what cannot be read is left out. */
  async #follow(): Promise<void> {
    while (true) {
      try {
        return await this.#read()
      } catch (error) {
        if (this.#stopping) return
        this.#logger.warn(
          `the predictions cannot be read at present: ${error instanceof Error ? error.message : error}`,
        )
        await new Promise<void>(resolve => this.#timers.after(RETRY, resolve))
      }
    }
  }

  /** Until it is stopped and has seen everything. */
  async #read(): Promise<void> {
    const reader = await this.#log.reader({ clientId: 'prediction-monitor' })
    const cursor = new RecordCursor()
    try {
      for (const [partition, position] of this.#positions)
        reader.seek({ topic: topics.predictions, partition }, position)
      while (!(this.#stopping && (await this.#atEnd()))) {
        for (const batch of await reader.poll(POLL_WAIT)) {
          cursor.reset(batch, this.#positions.get(batch.partition) ?? 0)
          while (cursor.next()) if (cursor.value !== null) await this.#take(cursor.value)
          this.#positions.set(batch.partition, batch.lastOffset + 1)
        }
      }
    } finally {
      await reader.close()
    }
  }

  async #atEnd(): Promise<boolean> {
    const offsets = await this.#log.admin.offsets(topics.predictions)
    return offsets.every(({ partition, end }) => (this.#positions.get(partition) ?? 0) >= end)
  }

  async #take(bytes: Buffer): Promise<void> {
    let prediction: Prediction
    try {
      prediction = this.#value.deserialize(bytes)
    } catch (error) {
      const ready = readyOf(error)
      // Foreign bytes are the sink's to report; here they are no prediction.
      if (ready === undefined) return
      await ready
      return await this.#take(bytes)
    }
    this.#predictions++
    const { modelVersion, route, windowEnd, confidence } = prediction
    this.#byVersion.set(modelVersion, (this.#byVersion.get(modelVersion) ?? 0) + 1)
    this.#byRoute[route]++
    observe(this.#age, Math.max(0, this.#timers.now() - windowEnd) / 1000)
    const ofVersion = this.#confidence.get(modelVersion) ?? distribution(CONFIDENCES)
    this.#confidence.set(modelVersion, ofVersion)
    observe(ofVersion, confidence)
    this.#last = [prediction, ...this.#last.slice(0, LAST - 1)]
    // A sum of hashes does not depend on the order in which partitions were read. The wire header is left out: schema
    // ids differ between registries.
    const hash = createHash('sha256').update(bytes.subarray(5)).digest('hex').slice(0, 32)
    this.#digest = BigInt.asUintN(128, this.#digest + BigInt(`0x${hash}`))
  }
}
