/**
 * The annotation desk of a node: hands windows to people, one at a time, and writes what they say to the log. All it knows
 * it has read from the log (requests, annotations, claims), so it is the same after a restart and on every node; only who
 * skipped what is forgotten.
 *
 * Two people are never before the same window, also of two nodes: to hand one out the desk writes a claim and reads on until it
 * meets it. Of claims that overlap the first in the log holds, so every desk comes to the same answer.
 */
import { Annotation, AnnotationClaim, AnnotationRequest, type AvroSerdes } from '../../schemas/index.ts'
import { type Producer, partitionOf, type Serde } from '../../topology/index.ts'
import { ApplicationError } from '../errors.ts'
import { drawn } from '../routing/routing.ts'
import { TopicFollower, type TopicFollowerOptions } from '../topic-follower.ts'
import { topics } from '../topics.ts'
import type { AccuracyQuestion, AccuracyReport } from './accuracy.ts'
import { AnnotationQueue, type QueuedWindow } from './annotation-queue.ts'
import {
  type AnnotationCounts,
  LatestAnnotations,
  type LiveAccuracy,
  windowId,
} from './latest-annotations.ts'

/** Requests of a partition that are looked at, the newest. */
const LOOKED_AT = 10_000
/** Windows kept in memory, some 6 KB each: those waiting of each arm, and those answered last, to be taken back. */
const WAITING = 2000
const ANSWERED = 200
/** One window in so many handed out is of the random arm, while there are any. */
const RANDOM_EVERY = 4
/** Claims beyond which those that are over are looked for. */
const CLAIMS = 1000
/** Milliseconds for which a window is before somebody, and for which the log has time to take a claim. */
const LEASE = 120_000
const PATIENCE = 10_000

export interface AnnotationDeskOptions extends TopicFollowerOptions {
  readonly avro: AvroSerdes
  /** Class names of a release, in the order of its probabilities; empty if it is not known. */
  readonly labels: (version: string) => readonly string[]
  /** Of the features that this node computes: windows with others are left to other nodes. */
  readonly featureSchemaHash: string
  /** An unsure window with fewer is not asked about: nobody could recognise it. */
  readonly leastSamples: number
  /** Unique, for claims. */
  readonly newId: () => string
}

/** What a person sees of a window. */
export interface ShownWindow
  extends Omit<AnnotationRequest, 'features' | 'signals' | 'probabilities' | 'featureSchemaHash' | 'label'> {
  /** What the model takes it for. */
  readonly predicted: string
  readonly probabilities: readonly { readonly label: string; readonly probability: number }[]
  /** By field of SensorReading, in the order of sampleTimes; null: missing. */
  readonly signals: Readonly<Record<string, readonly (number | null)[]>>
}

export interface WindowKey {
  readonly deviceId: string
  readonly windowStart: number
}

export type Answer =
  | { readonly verdict: 'labelled'; readonly label: string }
  | { readonly verdict: 'cannotTell' }

export interface AnnotationStatus extends AnnotationCounts {
  /** Windows that a person could be given now, by arm. */
  readonly waiting: { readonly unsure: number; readonly random: number }
  readonly accuracy: readonly LiveAccuracy[]
}

/** With its features, by which another release scores it. */
interface Waiting extends QueuedWindow {
  readonly features: Float32Array
}

interface Claim {
  readonly claim: string
  readonly annotator: string
  readonly until: number
}

export class AnnotationDesk {
  readonly #options: AnnotationDeskOptions
  readonly #annotations: Serde<Annotation>
  readonly #claimsValue: Serde<AnnotationClaim>
  /** Of what people said and hold, and of what they are asked. */
  readonly #said: TopicFollower
  readonly #asked: TopicFollower
  readonly #latest = new LatestAnnotations()
  /** By window id: those waiting, and the last ones answered. */
  readonly #requests = new Map<string, AnnotationRequest>()
  readonly #queue = new AnnotationQueue<Waiting>(WAITING)
  /** Window ids of the random arm that wait, in the order of their draw, so that those answered first are random too. */
  readonly #random = new Map<string, number>()
  readonly #answered = new Set<string>()
  readonly #claims = new Map<string, Claim>()
  readonly #skipped = new Map<string, Set<string>>()
  /** Claims of this desk that it has not read yet. */
  readonly #awaited = new Map<string, () => void>()
  #producer: Promise<Producer> | undefined
  #partitions = 1
  #handed = 0

  constructor(options: AnnotationDeskOptions) {
    const { avro } = options
    this.#options = options
    this.#annotations = avro.value(topics.annotations, Annotation)
    this.#claimsValue = avro.value(topics.annotationClaims, AnnotationClaim)
    this.#asked = new TopicFollower(options)
    this.#said = new TopicFollower(options)
    this.#asked.follow({
      topic: topics.annotationRequests,
      value: avro.value(topics.annotationRequests, AnnotationRequest),
      from: ({ start, end }) => Math.max(start, end - LOOKED_AT),
      take: request => this.#takeRequest(request),
    })
    this.#said.follow({
      topic: topics.annotations,
      value: this.#annotations,
      take: annotation => this.#takeAnnotation(annotation),
    })
    this.#said.follow({
      topic: topics.annotationClaims,
      value: this.#claimsValue,
      take: claim => this.#takeClaim(claim),
    })
  }

  /** The topics exist. */
  async start(): Promise<void> {
    const { log } = this.#options
    this.#partitions = (await log.admin.describeTopic(topics.annotations))?.partitions ?? 1
    // What was said first: what is answered need not be kept.
    await this.#said.start()
    await this.#said.caughtUp()
    await this.#asked.start()
  }

  /** Resolves when what is on the topics now is taken in. */
  async caughtUp(): Promise<void> {
    await this.#said.caughtUp()
    await this.#asked.caughtUp()
  }

  async close(): Promise<void> {
    await this.#asked.stop()
    await this.#said.stop()
    await (await this.#producer)?.close()
  }

  status(): AnnotationStatus {
    return {
      ...this.#latest.counts(),
      waiting: { unsure: this.#queue.size, random: this.#random.size },
      accuracy: this.#latest.accuracy(),
    }
  }

  /** How right releases were on the windows that people labelled. */
  accuracy(question: AccuracyQuestion): AccuracyReport {
    return this.#latest.report(question)
  }

  /** A window for this person, theirs for two minutes; undefined if none waits. @throws ApplicationError ANNOTATION_UNAVAILABLE */
  async next(annotator: string): Promise<ShownWindow | undefined> {
    while (true) {
      const id = this.#choose(annotator)
      if (id === undefined) return undefined
      const request = this.#requests.get(id)
      if (request === undefined || !(await this.#claim(request, annotator))) continue
      this.#handed++
      return this.#shown(request)
    }
  }

  /** @throws ApplicationError ANNOTATION_WINDOW_UNKNOWN, ANNOTATION_INVALID; TickerError LOG_… */
  async answer(annotator: string, key: WindowKey, answer: Answer): Promise<void> {
    const request = this.#known(key)
    if (answer.verdict === 'labelled' && !this.#options.labels(request.modelVersion).includes(answer.label))
      throw new ApplicationError('ANNOTATION_INVALID', `${answer.label} is no label of ${request.modelName}`)
    await this.#write(request, annotator, answer.verdict, answer.verdict === 'labelled' ? answer.label : null)
  }

  /** Another window instead; this person is not given it again while the node runs. */
  async skip(annotator: string, key: WindowKey): Promise<void> {
    const request = this.#known(key)
    const id = windowId(key)
    this.#skipped.set(id, (this.#skipped.get(id) ?? new Set()).add(annotator))
    if (this.#claims.get(id)?.annotator === annotator) await this.#writeClaim(request, annotator, 0)
  }

  /** Takes back what was said of a window, or that it was skipped, and gives it to this person again. */
  async undo(annotator: string, key: WindowKey): Promise<ShownWindow> {
    const request = this.#known(key)
    const id = windowId(key)
    this.#skipped.get(id)?.delete(annotator)
    if (this.#latest.has(id)) await this.#write(request, annotator, 'withdrawn', null)
    await this.#claim(request, annotator)
    return this.#shown(request)
  }

  /**
   * Orders what waits by what a newer release says of it.
   * @param score answers with one margin for each feature vector
   */
  async reorder(score: (features: readonly Float32Array[]) => Promise<readonly number[]>): Promise<void> {
    const windows = [...this.#queue.windows()]
    const margins = await score(windows.map(({ features }) => features))
    for (const [i, window] of windows.entries()) {
      if (this.#requests.has(window.id) && !this.#latest.has(window.id))
        this.#queue.add({ ...window, margin: margins[i]! })
    }
  }

  #choose(annotator: string): string | undefined {
    const now = this.#options.timers.now()
    const unfit = (id: string): boolean =>
      (this.#claims.get(id)?.until ?? 0) > now || this.#skipped.get(id)?.has(annotator) === true
    const random = (): string | undefined => {
      const fit = [...this.#random].filter(([id]) => !unfit(id))
      return fit.sort(([, a], [, b]) => a - b)[0]?.[0]
    }
    if (this.#handed % RANDOM_EVERY === RANDOM_EVERY - 1) return random() ?? this.#queue.next(unfit)?.id
    return this.#queue.next(unfit)?.id ?? random()
  }

  #known(key: WindowKey): AnnotationRequest {
    const request = this.#requests.get(windowId(key))
    if (request !== undefined) return request
    throw new ApplicationError(
      'ANNOTATION_WINDOW_UNKNOWN',
      `no window of ${key.deviceId} at ${key.windowStart} waits here`,
    )
  }

  #shown(request: AnnotationRequest): ShownWindow {
    const { features: _, featureSchemaHash: __, label, probabilities, signals, ...rest } = request
    const labels = this.#options.labels(request.modelVersion)
    return {
      ...rest,
      predicted: label,
      probabilities: labels.map((each, i) => ({ label: each, probability: probabilities[i] ?? 0 })),
      signals: Object.fromEntries(
        Object.entries(signals).map(([field, values]) => [
          field,
          values.map(value => (Number.isFinite(value) ? value : null)),
        ]),
      ),
    }
  }

  #takeRequest(request: AnnotationRequest): void {
    const id = windowId(request)
    const { featureSchemaHash, leastSamples } = this.#options
    if (request.featureSchemaHash !== featureSchemaHash || this.#latest.has(id)) return
    if (request.arm === 'unsure' && request.samples < leastSamples) return
    this.#requests.set(id, request)
    this.#enqueue(id, request)
  }

  #enqueue(id: string, request: AnnotationRequest): void {
    if (request.arm === 'random') {
      this.#random.set(id, drawn(request, 0))
      if (this.#random.size > WAITING) this.#forget([...this.#random.keys()][0]!)
      return
    }
    const gone = this.#queue.add({
      id,
      deviceId: request.deviceId,
      margin: request.margin,
      features: Float32Array.from(request.features),
    })
    if (gone !== undefined) this.#forget(gone.id)
  }

  #takeAnnotation(annotation: Annotation): void {
    if (!this.#latest.take(annotation)) return
    const id = windowId(annotation)
    const request = this.#requests.get(id)
    if (annotation.verdict === 'withdrawn') {
      this.#answered.delete(id)
      if (request !== undefined) this.#enqueue(id, request)
      return
    }
    this.#claims.delete(id)
    if (request === undefined) return
    this.#queue.remove(id)
    this.#random.delete(id)
    this.#skipped.delete(id)
    this.#answered.add(id)
    const [oldest] = this.#answered
    if (this.#answered.size <= ANSWERED || oldest === undefined) return
    this.#answered.delete(oldest)
    this.#requests.delete(oldest)
  }

  #forget(id: string): void {
    this.#requests.delete(id)
    this.#random.delete(id)
    this.#skipped.delete(id)
    this.#claims.delete(id)
  }

  #takeClaim({ claim, annotator, claimedAt, until, ...window }: AnnotationClaim): void {
    const id = windowId(window)
    const before = this.#claims.get(id)
    if (until <= claimedAt) {
      if (before?.annotator === annotator) this.#claims.delete(id)
    } else if ((before?.until ?? 0) <= claimedAt) {
      this.#claims.set(id, { claim, annotator, until })
      this.#forgetOverdueClaims()
    }
    this.#awaited.get(claim)?.()
  }

  #forgetOverdueClaims(): void {
    if (this.#claims.size <= CLAIMS) return
    const now = this.#options.timers.now()
    for (const [id, { until }] of this.#claims) if (until <= now) this.#claims.delete(id)
  }

  /** Whether the window is this person's now. */
  async #claim(request: AnnotationRequest, annotator: string): Promise<boolean> {
    const id = windowId(request)
    const claim = await this.#writeClaim(request, annotator, LEASE)
    return this.#claims.get(id)?.claim === claim
  }

  /** Writes a claim, or with 0 its end, and waits until it was read. */
  async #writeClaim(request: AnnotationRequest, annotator: string, lease: number): Promise<string> {
    const { timers, newId } = this.#options
    const { deviceId, windowStart } = request
    const claim = newId()
    const claimedAt = timers.now()
    let cancel = (): void => {}
    const read = new Promise<void>((resolve, reject) => {
      this.#awaited.set(claim, resolve)
      const late = (): void =>
        reject(
          new ApplicationError('ANNOTATION_UNAVAILABLE', `a claim was not seen within ${PATIENCE / 1000} s`),
        )
      cancel = timers.after(PATIENCE, late)
    })
    try {
      const value = { deviceId, windowStart, claim, annotator, claimedAt, until: claimedAt + lease }
      await Promise.all([
        read,
        this.#send(topics.annotationClaims, deviceId, this.#claimsValue.serialize(value), claimedAt),
      ])
    } finally {
      cancel()
      this.#awaited.delete(claim)
    }
    return claim
  }

  async #write(
    request: AnnotationRequest,
    annotator: string,
    verdict: Annotation['verdict'],
    label: string | null,
  ): Promise<void> {
    const { deviceId, windowStart, windowEnd, arm, modelName, modelVersion, featureSchemaHash } = request
    const annotation: Annotation = {
      deviceId,
      windowStart,
      windowEnd,
      verdict,
      label,
      annotator,
      annotatedAt: this.#options.timers.now(),
      arm,
      predicted: request.label,
      confidence: request.probabilities.length === 0 ? null : Math.max(...request.probabilities),
      modelName,
      modelVersion,
      featureSchemaHash,
      features: request.features,
    }
    const value = this.#annotations.serialize(annotation)
    await this.#send(topics.annotations, deviceId, value, annotation.annotatedAt)
    // It is read as well, which changes nothing; but whoever asks next must not have to wait for it.
    this.#takeAnnotation(annotation)
  }

  async #send(topic: string, deviceId: string, value: Buffer, timestamp: number): Promise<void> {
    const { log, clientId } = this.#options
    const open = async (): Promise<Producer> => {
      const producer = await log.producer({ clientId })
      await producer.init()
      return producer
    }
    this.#producer ??= open()
    const key = Buffer.from(deviceId, 'utf8')
    try {
      const producer = await this.#producer
      await producer.send([{ topic, partition: partitionOf(key, this.#partitions), key, value, timestamp }])
    } catch (error) {
      // The next one begins with a producer that is whole.
      this.#producer = undefined
      throw error
    }
  }
}
