/**
 * Follows the topic of releases, and has the classifier ready that is in force: the newest one promoted that could be
 * verified. Publishing an older release again puts it into force again. A release that must not serve is refused,
 * counted and reported, and the one before it serves on.
 */
import type { BaseLogger } from 'pino'
import { type AvroSerdes, ModelRelease } from '../../schemas/index.ts'
import {
  type Log,
  type RecordBatch,
  RecordCursor,
  readyOf,
  type Serde,
  TickerError,
  type Timers,
} from '../../topology/index.ts'
import { ApplicationError } from '../errors.ts'
import type { FeatureSchema } from '../features/schema.ts'
import { topics } from '../topics.ts'
import { type Classifier, loadClassifier } from './classifier.ts'

/** Models kept loaded: the one in force, and others that tasks still score with. */
const LOADED = 4
/** Releases remembered; beyond that the oldest are forgotten, but not the one in force. */
const KNOWN = 1000
const REFUSALS = 100
/** Milliseconds. */
const POLL = 500
const RETRY = 1000
const FOUND_WITHIN = 10_000

const partition = { topic: topics.models, partition: 0 }

export interface ModelServingOptions {
  readonly log: Log
  readonly avro: AvroSerdes
  /** Which model's releases are followed, such as `watch`. */
  readonly name: string
  /** Of the features that this node computes. */
  readonly schema: Pick<FeatureSchema, 'hash' | 'features'>
  readonly clientId: string
  readonly timers: Timers
  readonly logger: Pick<BaseLogger, 'info' | 'warn'>
}

/** A release as its last event tells, without the model itself. */
export type KnownRelease = Omit<ModelRelease, 'onnx' | 'signature' | 'probeFeatures' | 'probeProbabilities'>

/** A release that must not serve, and why. */
export interface Refusal {
  readonly name: string
  readonly version: string
  readonly code: string
  readonly reason: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

export interface ReleasesStatus {
  readonly inForce?: { readonly name: string; readonly version: string }
  /** The newest event first. */
  readonly known: readonly KnownRelease[]
  /** The last ones. */
  readonly refused: readonly Refusal[]
  /** All that were ever refused. */
  readonly refusals: number
}

interface Known {
  readonly release: KnownRelease
  /** Of its last event, where its bytes are. */
  readonly offset: number
}

export class ModelServing {
  readonly #options: ModelServingOptions
  readonly #value: Serde<ModelRelease>
  /** By version; the newest event last. */
  readonly #known = new Map<string, Known>()
  /** Versions promoted, the newest promotion last. */
  readonly #promoted = new Set<string>()
  /** By version, why it must not serve. */
  readonly #unfit = new Map<string, ApplicationError>()
  /** By version; the one used last comes last. */
  readonly #loaded = new Map<string, Promise<Classifier>>()
  readonly #listeners = new Set<() => void>()
  readonly #stop = new AbortController()
  #refused: Refusal[] = []
  #refusals = 0
  #inForce: string | undefined
  #position = 0
  #following: Promise<void> = Promise.resolve()
  #settling: Promise<void> | undefined

  constructor(options: ModelServingOptions) {
    this.#options = options
    this.#value = options.avro.value(topics.models, ModelRelease)
  }

  /** Begins to follow the topic, which exists. */
  start(): void {
    this.#following = this.#follow()
  }

  /**
   * Resolves when a release is in force and loaded.
   * @param patience milliseconds after which there is none. @throws ApplicationError MODEL_NONE_IN_FORCE
   */
  async whenReady(patience: number): Promise<void> {
    const { timers, name } = this.#options
    if (this.#inForce !== undefined) return
    await new Promise<void>((resolve, reject) => {
      const end = (): void => {
        cancel()
        unsubscribe()
      }
      const cancel = timers.after(patience, () => {
        end()
        const last = this.#refused.at(-1)
        const reason = last === undefined ? 'none was promoted' : last.reason
        reject(new ApplicationError('MODEL_NONE_IN_FORCE', `no release of ${name} is in force: ${reason}`))
      })
      const unsubscribe = this.onChange(() => {
        if (this.#inForce === undefined) return
        end()
        resolve()
      })
    })
  }

  /** @throws ApplicationError MODEL_NONE_IN_FORCE before `whenReady` */
  inForce(): { readonly name: string; readonly version: string } {
    const { name } = this.#options
    if (this.#inForce === undefined)
      throw new ApplicationError('MODEL_NONE_IN_FORCE', `no release of ${name} is in force`)
    return { name, version: this.#inForce }
  }

  /**
   * The classifier of any version on the topic, loaded if need be: a task goes on with the release it recorded. Ask
   * anew for each use; one that was long not asked for is closed.
   * @throws ApplicationError MODEL_UNKNOWN, or what it was refused for
   */
  async get(version: string): Promise<Classifier> {
    const loaded = this.#loaded.get(version) ?? this.#load(version)
    this.#loaded.delete(version)
    this.#loaded.set(version, loaded)
    try {
      return await loaded
    } catch (error) {
      if (this.#loaded.get(version) === loaded) this.#loaded.delete(version)
      throw error
    } finally {
      this.#unloadUnused()
    }
  }

  /** In the order of the probabilities; empty for a version that is not known. */
  labels(version: string): readonly string[] {
    return this.#known.get(version)?.release.labels ?? []
  }

  releases(): ReleasesStatus {
    return {
      ...(this.#inForce === undefined ? {} : { inForce: this.inForce() }),
      known: [...this.#known.values()].map(({ release }) => release).reverse(),
      refused: this.#refused,
      refusals: this.#refusals,
    }
  }

  /** Called after anything that `releases` tells has changed; the answer ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Ends following and frees the models. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#following
    await this.#settling
    const loaded = [...this.#loaded.values()]
    this.#loaded.clear()
    for (const classifier of await Promise.allSettled(loaded)) {
      if (classifier.status === 'fulfilled') await classifier.value.close()
    }
  }

  /** A log that fails is asked again: the model in force serves on meanwhile. */
  async #follow(): Promise<void> {
    const { timers, logger } = this.#options
    const signal = this.#stop.signal
    while (!signal.aborted) {
      try {
        await this.#read(signal)
      } catch (error) {
        if (signal.aborted) return
        logger.warn(`the releases cannot be read at present: ${messageOf(error)}`)
        await pause(RETRY, timers, signal)
      }
    }
  }

  /** Takes every event from the position on, until the signal is aborted. */
  async #read(signal: AbortSignal): Promise<void> {
    const { log, clientId } = this.#options
    const end = (await log.admin.offsets(topics.models))[partition.partition]?.end ?? 0
    const reader = await log.reader({ clientId })
    // Ends a poll that waits.
    const close = (): void => void reader.close().catch(() => {})
    signal.addEventListener('abort', close)
    try {
      reader.seek(partition, this.#position)
      while (!signal.aborted) {
        const batches = await reader.poll(POLL)
        for (const batch of batches) await this.#takeAll(batch)
        // What was promoted and superseded long ago need not be loaded: first all history, then the choice. Markers
        // of transactions may lie between the last event and the end; then silence tells that there is no more.
        if (batches.length === 0 || this.#position >= end) this.#settle()
      }
    } finally {
      signal.removeEventListener('abort', close)
      await reader.close()
    }
  }

  async #takeAll(batch: RecordBatch): Promise<void> {
    const cursor = new RecordCursor().reset(batch, this.#position)
    while (cursor.next()) {
      await this.#take(cursor.value, cursor.offset)
      this.#position = cursor.offset + 1
    }
    this.#position = batch.lastOffset + 1
  }

  async #take(bytes: Buffer | null, offset: number): Promise<void> {
    if (bytes === null) return
    let event: ModelRelease
    try {
      event = await this.#decode(bytes)
    } catch (error) {
      if (readyOf(error) !== undefined) throw error
      return this.#refuse(`offset ${offset}`, error)
    }
    const { onnx: _, signature: __, probeFeatures: ___, probeProbabilities: ____, ...release } = event
    const { name, version, status } = release
    if (name !== this.#options.name) return
    const before = this.#known.get(version)?.release
    if (before !== undefined && scoring(before) !== scoring(release)) {
      const what = `${name}@${version} was published before with another model, calibration or threshold`
      return this.#refuse(version, new ApplicationError('MODEL_VERSION_TAKEN', what))
    }
    this.#known.delete(version)
    this.#known.set(version, { release, offset })
    this.#promoted.delete(version)
    // Published anew it is tried anew: what was wrong may have been corrected.
    this.#unfit.delete(version)
    if (status === 'promoted') this.#promoted.add(version)
    this.#forgetOldest()
    this.#changed()
  }

  /** A registry that cannot be asked is thrown on, and tried again with the log. */
  async #decode(bytes: Buffer): Promise<ModelRelease> {
    try {
      return this.#value.deserialize(bytes)
    } catch (error) {
      const ready = readyOf(error)
      if (ready === undefined) throw error
      await ready
      return this.#value.deserialize(bytes)
    }
  }

  /** Puts the newest promoted release into force that can serve; one choice at a time. */
  #settle(): void {
    this.#settling ??= this.#choose().finally(() => {
      this.#settling = undefined
    })
  }

  async #choose(): Promise<void> {
    const { name, logger } = this.#options
    while (!this.#stop.signal.aborted) {
      const version = this.#candidate()
      if (version === undefined || version === this.#inForce) return
      try {
        await this.get(version)
        this.#inForce = version
        logger.info(`the release ${name}@${version} is in force`)
        this.#changed()
      } catch (error) {
        if (!(error instanceof ApplicationError)) {
          // Not the release's fault; it is tried again after the next poll.
          return logger.warn(`the release ${name}@${version} cannot be read at present: ${messageOf(error)}`)
        }
        this.#unfit.set(version, error)
        this.#refuse(version, error)
      }
    }
  }

  /** The newest promoted version that is not known to be unfit; if there is none, the one in force stays. */
  #candidate(): string | undefined {
    return [...this.#promoted].findLast(version => !this.#unfit.has(version)) ?? this.#inForce
  }

  async #load(version: string): Promise<Classifier> {
    const known = this.#known.get(version)
    if (known === undefined) {
      throw new ApplicationError(
        'MODEL_UNKNOWN',
        `there is no release ${this.#options.name}@${version} on ${topics.models}`,
      )
    }
    const unfit = this.#unfit.get(version)
    if (unfit !== undefined) throw unfit
    return await loadClassifier(await this.#fetch(version, known.offset), this.#options.schema)
  }

  /** Reads one event again: the bytes of many models are better kept by the log than in memory. */
  async #fetch(version: string, offset: number): Promise<ModelRelease> {
    const { log, clientId, timers, name } = this.#options
    const reader = await log.reader({ clientId })
    try {
      reader.seek(partition, offset)
      const deadline = timers.now() + FOUND_WITHIN
      const cursor = new RecordCursor()
      while (timers.now() < deadline) {
        const [batch] = await reader.poll(POLL)
        if (batch === undefined) continue
        cursor.reset(batch, offset)
        if (cursor.next() && cursor.offset === offset && cursor.value !== null)
          return await this.#decode(cursor.value)
        throw new ApplicationError(
          'MODEL_UNKNOWN',
          `the release ${name}@${version} is no longer on ${topics.models}`,
        )
      }
      throw new TickerError(
        'LOG_UNREACHABLE',
        `${topics.models} gave nothing at ${offset} within ${FOUND_WITHIN / 1000} s`,
      )
    } finally {
      await reader.close()
    }
  }

  #unloadUnused(): void {
    for (const [version, classifier] of this.#loaded) {
      if (this.#loaded.size <= LOADED) return
      if (version === this.#inForce) continue
      this.#loaded.delete(version)
      // One that could not be loaded has told whoever asked for it.
      classifier.then(unused => unused.close()).catch(() => {})
    }
  }

  #forgetOldest(): void {
    if (this.#known.size <= KNOWN) return
    const oldest = [...this.#known.keys()].find(version => version !== this.#inForce)
    if (oldest === undefined) return
    this.#known.delete(oldest)
    this.#promoted.delete(oldest)
    this.#unfit.delete(oldest)
  }

  #refuse(version: string, error: unknown): void {
    const { name, timers, logger } = this.#options
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'MODEL_UNLOADABLE'
    const reason = messageOf(error)
    this.#refusals++
    this.#refused = [...this.#refused, { name, version, code, reason, at: timers.now() }].slice(-REFUSALS)
    logger.warn({ code }, reason)
    this.#changed()
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}

/** All of a release that scores depend on. */
function scoring(release: KnownRelease): string {
  const { sha256, featureSchemaHash, labels, temperature, minimumConfidence, minimumMargin } = release
  return JSON.stringify([sha256, featureSchemaHash, labels, temperature, minimumConfidence, minimumMargin])
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Waits so many milliseconds, or until the signal is aborted. */
function pause(delay: number, timers: Timers, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const stop = (): void => {
      cancel()
      resolve()
    }
    const cancel = timers.after(delay, () => {
      signal.removeEventListener('abort', stop)
      resolve()
    })
    signal.addEventListener('abort', stop, { once: true })
  })
}
