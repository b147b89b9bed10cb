/**
 * What the topic of releases says of one model: follows it from its beginning, and remembers each version as its last event
 * tells it, without the bytes. An event that nobody trusted has signed, or that gives a version another model, is refused
 * here, before anything is known of it. Whether a release *can* serve is `serving.ts`'s business.
 */
import type { BaseLogger } from 'pino'
import { type AvroSerdes, ModelRelease, type ReleaseStatus } from '../../schemas/index.ts'
import {
  type Log,
  type RecordBatch,
  RecordCursor,
  readyOf,
  type Serde,
  TickerError,
  type Timers,
} from '../../topology/index.ts'
import { ApplicationError, messageOf } from '../errors.ts'
import { topics } from '../topics.ts'
import { refusalOf } from './model-bytes.ts'
import { faultOfRelease } from './release.ts'
import { type Trust, type TrustedSources, trustOf } from './signature.ts'

/** Releases remembered; beyond that the oldest are forgotten, but not those that are to be kept. */
const KNOWN = 1000
const REFUSALS = 100
const EVENTS = 100
/** Milliseconds. */
const POLL = 500
const RETRY = 1000
const FOUND_WITHIN = 10_000

const partition = { topic: topics.models, partition: 0 }

export interface ReleaseHistoryOptions {
  readonly log: Log
  readonly avro: AvroSerdes
  /** Which model's releases, such as `watch`. */
  readonly name: string
  readonly trusted: TrustedSources
  readonly clientId: string
  readonly timers: Timers
  readonly logger: Pick<BaseLogger, 'info' | 'warn'>
}

/** A release as its last event tells, without the model itself. */
export type KnownRelease = Omit<
  ModelRelease,
  'onnx' | 'signature' | 'probeFeatures' | 'probeProbabilities'
> & {
  readonly trust: Trust
}

/** A release that must not serve, and why. */
export interface Refusal {
  readonly name: string
  readonly version: string
  readonly code: string
  readonly reason: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** What became of a release, and why. */
export interface ReleaseEvent {
  readonly version: string
  readonly status: ReleaseStatus
  readonly reason: string | null
  /** Milliseconds since the epoch. */
  readonly at: number
}

interface Known {
  readonly release: KnownRelease
  /** Of its last event, where its bytes are. */
  readonly offset: number
}

export class ReleaseHistory {
  readonly #options: ReleaseHistoryOptions
  readonly #value: Serde<ModelRelease>
  /** By version; the newest event last. */
  readonly #known = new Map<string, Known>()
  /** Versions promoted, the newest promotion last. */
  readonly #promoted = new Set<string>()
  readonly #listeners = new Set<(version?: string) => void>()
  readonly #stop = new AbortController()
  #events: ReleaseEvent[] = []
  #refused: Refusal[] = []
  #refusals = 0
  #position = 0
  #following: Promise<void> = Promise.resolve()

  constructor(options: ReleaseHistoryOptions) {
    this.#options = options
    this.#value = options.avro.value(topics.models, ModelRelease)
  }

  /** The newest event first. */
  get known(): readonly KnownRelease[] {
    return [...this.#known.values()].map(({ release }) => release).reverse()
  }

  /** Versions promoted, the newest promotion first. */
  get promoted(): readonly string[] {
    return [...this.#promoted].reverse()
  }

  /** The version that the newest event of its kind put into shadow; undefined if it was given another status since. */
  get shadow(): string | undefined {
    return this.known.find(({ status }) => status === 'shadow')?.version
  }

  /** The last ones, in their order. */
  get events(): readonly ReleaseEvent[] {
    return this.#events
  }

  /** The last ones, in their order. */
  get refused(): readonly Refusal[] {
    return this.#refused
  }

  /** All that were ever refused. */
  get refusals(): number {
    return this.#refusals
  }

  release(version: string): KnownRelease | undefined {
    return this.#known.get(version)?.release
  }

  /** Begins to follow the topic, which exists. `settled` is called when there is no more to read for now. */
  start(settled: () => void, keep: () => string | undefined = () => undefined): void {
    this.#following = this.#follow(settled, keep)
  }

  /** Called after anything told here has changed, with the version if there was an event of it; the answer ends it. */
  onChange(listener: (version?: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** When all is known that the topic holds now. @throws TickerError LOG_UNREACHABLE, or what the log throws */
  async caughtUp(): Promise<void> {
    const { log, timers } = this.#options
    const end = (await log.admin.offsets(topics.models))[partition.partition]?.end ?? 0
    const deadline = timers.now() + FOUND_WITHIN
    while (this.#position < end) {
      if (timers.now() > deadline || this.#stop.signal.aborted)
        throw new TickerError(
          'LOG_UNREACHABLE',
          `${topics.models} was not read to its end within ${FOUND_WITHIN / 1000} s`,
        )
      await new Promise<void>(resolve => timers.after(5, resolve))
    }
  }

  /**
   * Reads a release again with its bytes: those of many models are better kept by the log than in memory.
   * @throws ApplicationError MODEL_UNKNOWN, TickerError LOG_UNREACHABLE
   */
  async fetch(version: string): Promise<ModelRelease> {
    const { log, clientId, timers, name } = this.#options
    const known = this.#known.get(version)
    if (known === undefined)
      throw new ApplicationError(
        'MODEL_UNKNOWN',
        `there is no release ${name}@${version} on ${topics.models}`,
      )
    const { offset } = known
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

  /** Counts and reports a release that must not serve. */
  refuse(version: string, error: unknown): void {
    const { name, timers, logger } = this.#options
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'MODEL_UNLOADABLE'
    const reason = messageOf(error)
    this.#refusals++
    this.#refused = [...this.#refused, { name, version, code, reason, at: timers.now() }].slice(-REFUSALS)
    logger.warn({ code }, reason)
    this.changed()
  }

  changed(version?: string): void {
    for (const listener of [...this.#listeners]) listener(version)
  }

  /** Ends following. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#following
  }

  /** A log that fails is asked again. */
  async #follow(settled: () => void, keep: () => string | undefined): Promise<void> {
    const { timers, logger } = this.#options
    const signal = this.#stop.signal
    while (!signal.aborted) {
      try {
        await this.#read(signal, settled, keep)
      } catch (error) {
        if (signal.aborted) return
        logger.warn(`the releases cannot be read at present: ${messageOf(error)}`)
        await pause(RETRY, timers, signal)
      }
    }
  }

  /** Takes every event from the position on, until the signal is aborted. */
  async #read(signal: AbortSignal, settled: () => void, keep: () => string | undefined): Promise<void> {
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
        for (const batch of batches) await this.#takeAll(batch, keep)
        // What was promoted and superseded long ago need not be loaded: first all history, then the choice. Markers
        // of transactions may lie between the last event and the end; then silence tells that there is no more.
        if (batches.length === 0 || this.#position >= end) settled()
      }
    } finally {
      signal.removeEventListener('abort', close)
      await reader.close()
    }
  }

  async #takeAll(batch: RecordBatch, keep: () => string | undefined): Promise<void> {
    const cursor = new RecordCursor().reset(batch, this.#position)
    while (cursor.next()) {
      await this.#take(cursor.value, cursor.offset, keep)
      this.#position = cursor.offset + 1
    }
    this.#position = batch.lastOffset + 1
  }

  async #take(bytes: Buffer | null, offset: number, keep: () => string | undefined): Promise<void> {
    if (bytes === null) return
    let event: ModelRelease
    try {
      event = await this.#decode(bytes)
    } catch (error) {
      if (readyOf(error) !== undefined) throw error
      return this.refuse(`offset ${offset}`, error)
    }
    if (event.name !== this.#options.name) return
    try {
      this.#accept(event, offset)
    } catch (error) {
      return this.refuse(event.version, error)
    }
    this.#forgetOldest(keep())
    this.changed(event.version)
  }

  /** @throws ApplicationError MODEL_FILE_INVALID, MODEL_UNSIGNED, MODEL_SIGNATURE_WRONG, MODEL_VERSION_TAKEN */
  #accept(event: ModelRelease, offset: number): void {
    const { onnx: _, signature: __, probeFeatures: ___, probeProbabilities: ____, ...plain } = event
    const fault = faultOfRelease(event)
    if (fault !== undefined) throw refusalOf(event)('MODEL_FILE_INVALID', fault)
    const release = { ...plain, trust: trustOf(event, this.#options.trusted) }
    const { name, version, status, reason, publishedAt } = release
    const before = this.#known.get(version)?.release
    if (before !== undefined && scoring(before) !== scoring(release)) {
      const what = `${name}@${version} was published before with another model, calibration or threshold`
      throw new ApplicationError('MODEL_VERSION_TAKEN', what)
    }
    this.#known.delete(version)
    this.#known.set(version, { release, offset })
    this.#promoted.delete(version)
    if (status === 'promoted') this.#promoted.add(version)
    this.#events = [...this.#events, { version, status, reason, at: publishedAt }].slice(-EVENTS)
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

  #forgetOldest(kept: string | undefined): void {
    if (this.#known.size <= KNOWN) return
    const oldest = [...this.#known.keys()].find(version => version !== kept)
    if (oldest === undefined) return
    this.#known.delete(oldest)
    this.#promoted.delete(oldest)
  }
}

/** All of a release that scores and routes depend on. */
function scoring(release: KnownRelease): string {
  const { sha256, featureSchemaHash, labels, temperature, minimumConfidence, minimumMargin } = release
  return JSON.stringify([sha256, featureSchemaHash, labels, temperature, minimumConfidence, minimumMargin])
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
