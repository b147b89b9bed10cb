/**
 * A release that scores beside the one that serves, for comparison. Whatever it does, serving does not notice: windows are
 * left here without waiting, its model runs in a thread of its own, what it says goes to a topic of its own by a producer of
 * its own. Where it falls behind, windows are left out and counted.
 */
import type { BaseLogger } from 'pino'
import { type AvroSerdes, ShadowPrediction } from '../../schemas/index.ts'
import { type Log, type Producer, partitionOf, type Serde, type Timers } from '../../topology/index.ts'
import { ApplicationError, messageOf } from '../errors.ts'
import type { FeatureSchema } from '../features/schema.ts'
import { topics } from '../topics.ts'
import { type Classifier, loadClassifier } from './classifier.ts'
import type { ModelServing } from './serving.ts'

/** Windows that wait; more are left out. */
const BACKLOG = 10_000
/** Windows scored and written at once. */
const BATCH = 256
/** Milliseconds for a batch, after which the shadow is given up until another one is chosen. */
const PATIENCE = 10_000
/** Milliseconds until something that failed is tried again. */
const RETRY = 1000

/** A window as it was served. */
export interface ServedWindow {
  readonly deviceId: string
  /** Milliseconds since the epoch. */
  readonly windowStart: number
  readonly windowEnd: number
  readonly features: Float32Array
  readonly release: { readonly version: string }
  readonly label: string
  readonly confidence: number
}

/** Of one node, since the shadow was chosen. */
export interface ShadowStatus {
  readonly name: string
  readonly version: string
  readonly state: 'loading' | 'scoring' | 'failed'
  /** Windows scored and written. */
  readonly scored: number
  /** Of these, labelled as the release that served them labelled them. */
  readonly agreed: number
  readonly backlog: number
  /** Windows left out because too many waited. */
  readonly dropped: number
  /** Windows lost because scoring or writing them failed. */
  readonly failed: number
  /** The last failure, in one line. */
  readonly failure?: string
}

export interface ShadowOptions {
  readonly log: Log
  readonly avro: AvroSerdes
  readonly serving: ModelServing
  readonly name: string
  /** Of the features that this node computes. */
  readonly schema: Pick<FeatureSchema, 'hash' | 'features'>
  readonly clientId: string
  readonly timers: Timers
  readonly logger: Pick<BaseLogger, 'warn'>
  /** How many windows may wait. */
  readonly backlog?: number
  /** Milliseconds for a batch. */
  readonly patience?: number
}

/** One release in shadow, from its choice to the next. */
interface Chosen {
  readonly version: string
  classifier: Classifier | undefined
  state: ShadowStatus['state']
  scored: number
  agreed: number
  dropped: number
  failed: number
  failure: string | undefined
}

export class Shadow {
  readonly #options: ShadowOptions
  readonly #value: Serde<ShadowPrediction>
  readonly #stopListening: () => void
  #waiting: ServedWindow[] = []
  #chosen: Chosen | undefined
  #producer: Producer | undefined
  #partitions: number | undefined
  /** Loading, and scoring: one at a time. */
  #work: Promise<void> = Promise.resolve()
  #working = false
  #closed = false

  /** `avro.register` must follow. */
  constructor(options: ShadowOptions) {
    this.#options = options
    this.#value = options.avro.value(topics.shadowPredictions, ShadowPrediction)
    this.#stopListening = options.serving.onChange(() => this.#choose())
  }

  /** Windows that were served just now. Neither waits nor throws. */
  offer(windows: readonly ServedWindow[]): void {
    const chosen = this.#chosen
    if (chosen?.state !== 'scoring') return
    const room = Math.max(0, (this.#options.backlog ?? BACKLOG) - this.#waiting.length)
    const taken = windows.slice(0, room)
    chosen.dropped += windows.length - taken.length
    this.#waiting.push(...taken)
    this.#begin()
  }

  /** Undefined while no release is in shadow. */
  status(): ShadowStatus | undefined {
    if (this.#chosen === undefined) return undefined
    const { classifier: _, failure, ...counts } = this.#chosen
    const { name } = this.#options
    return { name, ...counts, backlog: this.#waiting.length, ...(failure !== undefined && { failure }) }
  }

  /** What waits is left out. */
  async close(): Promise<void> {
    this.#closed = true
    this.#stopListening()
    this.#waiting = []
    await this.#chosen?.classifier?.close()
    this.#chosen = undefined
    await this.#work
    await this.#producer?.close().catch(() => {})
  }

  #choose(): void {
    const version = this.#options.serving.history.shadow
    if (this.#closed || version === this.#chosen?.version) return
    const before = this.#chosen
    this.#waiting = []
    this.#chosen =
      version === undefined
        ? undefined
        : {
            version,
            classifier: undefined,
            state: 'loading',
            scored: 0,
            agreed: 0,
            dropped: 0,
            failed: 0,
            failure: undefined,
          }
    before?.classifier?.close().catch(() => {})
    if (this.#chosen !== undefined) void this.#load(this.#chosen)
  }

  /** Does not reject. */
  async #load(chosen: Chosen): Promise<void> {
    const { serving, schema, timers, logger, name } = this.#options
    const isCurrent = (): boolean => !this.#closed && this.#chosen === chosen
    while (isCurrent()) {
      try {
        const classifier = await loadClassifier(await serving.verified(chosen.version), schema, {
          apart: true,
        })
        if (!isCurrent()) return await classifier.close()
        chosen.classifier = classifier
        chosen.state = 'scoring'
        return
      } catch (error) {
        chosen.failure = messageOf(error)
        if (error instanceof ApplicationError) {
          chosen.state = 'failed'
          return serving.refuse(chosen.version, error)
        }
        logger.warn(`the shadow ${name}@${chosen.version} cannot be read at present: ${chosen.failure}`)
        await new Promise<void>(resolve => timers.after(RETRY, resolve))
      }
    }
  }

  #begin(): void {
    if (this.#working) return
    this.#working = true
    // Not in the turn of who serves.
    this.#work = new Promise<void>(resolve => setImmediate(resolve))
      .then(() => this.#scoreAll())
      .finally(() => {
        this.#working = false
      })
  }

  /** Does not reject. */
  async #scoreAll(): Promise<void> {
    for (let batch = this.#next(); batch.length > 0; batch = this.#next()) {
      const chosen = this.#chosen
      const classifier = chosen?.classifier
      if (chosen === undefined || classifier === undefined || chosen.state !== 'scoring') return
      try {
        const predictions = await this.#score(classifier, chosen, batch)
        await this.#write(predictions)
        chosen.scored += predictions.length
        chosen.agreed += predictions.filter(each => each.label === each.servingLabel).length
      } catch (error) {
        if (this.#closed || this.#chosen !== chosen) return
        chosen.failed += batch.length
        chosen.failure = messageOf(error)
        this.#options.logger.warn(`the shadow lost ${batch.length} windows: ${chosen.failure}`)
        await new Promise<void>(resolve => this.#options.timers.after(RETRY, resolve))
      }
    }
  }

  #next(): ServedWindow[] {
    return this.#waiting.splice(0, BATCH)
  }

  async #score(
    classifier: Classifier,
    chosen: Chosen,
    windows: readonly ServedWindow[],
  ): Promise<ShadowPrediction[]> {
    const { name, schema, timers, patience = PATIENCE } = this.#options
    let cancel = (): void => {}
    const expired = new Promise<never>((_, reject) => {
      cancel = timers.after(patience, () => {
        // The thread may never come back: another one would not either.
        chosen.state = 'failed'
        void classifier.close().catch(() => {})
        reject(new Error(`it did not answer within ${patience / 1000} s, and is given up`))
      })
    })
    const scores = await Promise.race([
      classifier.score(windows.map(({ features }) => features)),
      expired,
    ]).finally(cancel)
    return windows.map(({ deviceId, windowStart, windowEnd, release, label, confidence }, i) => {
      const { route, ...score } = scores[i]!
      return {
        deviceId,
        windowStart,
        windowEnd,
        ...score,
        sure: route === 'sure',
        modelName: name,
        modelVersion: chosen.version,
        featureSchemaHash: schema.hash,
        servingVersion: release.version,
        servingLabel: label,
        servingConfidence: confidence,
      }
    })
  }

  /** A producer that failed is not used again. */
  async #write(predictions: readonly ShadowPrediction[]): Promise<void> {
    const { log, clientId } = this.#options
    try {
      this.#partitions ??= (await log.admin.describeTopic(topics.shadowPredictions))?.partitions ?? 1
      if (this.#producer === undefined) {
        const producer = await log.producer({ clientId: `${clientId}-shadow` })
        this.#producer = producer
        await producer.init()
      }
      const partitions = this.#partitions
      await this.#producer.send(
        predictions.map(prediction => {
          const key = Buffer.from(prediction.deviceId, 'utf8')
          const place = { topic: topics.shadowPredictions, partition: partitionOf(key, partitions), key }
          return { ...place, value: this.#value.serialize(prediction), timestamp: prediction.windowEnd }
        }),
      )
    } catch (error) {
      const failed = this.#producer
      this.#producer = undefined
      await failed?.close().catch(() => {})
      throw error
    }
  }
}
