/**
 * Has the classifier ready that is in force: the newest release promoted that could be verified. Publishing an older release
 * again puts it into force again. A release that must not serve is refused, counted and reported, and the one before it
 * serves on.
 */
import type { ModelRelease } from '../../schemas/index.ts'
import { ApplicationError } from '../errors.ts'
import type { FeatureSchema } from '../features/schema.ts'
import { type Classifier, loadClassifier } from './classifier.ts'
import { LoadedModels } from './loaded-models.ts'
import {
  type KnownRelease,
  type Refusal,
  type ReleaseEvent,
  ReleaseHistory,
  type ReleaseHistoryOptions,
} from './release-history.ts'
import { verifyRelease } from './verifier.ts'

export interface ModelServingOptions extends ReleaseHistoryOptions {
  /** Of the features that this node computes. */
  readonly schema: Pick<FeatureSchema, 'hash' | 'features'>
}

interface ReleaseId {
  readonly name: string
  readonly version: string
}

export interface ReleasesStatus {
  readonly inForce?: ReleaseId
  /** What scores beside it. */
  readonly shadow?: ReleaseId
  /** The newest event first. */
  readonly known: readonly KnownRelease[]
  /** What became of releases, in their order; the last ones. */
  readonly events: readonly ReleaseEvent[]
  /** The last ones. */
  readonly refused: readonly Refusal[]
  /** All that were ever refused. */
  readonly refusals: number
  /** Only what a trusted key has signed is taken, and what the package itself ships. */
  readonly signaturesRequired: boolean
  /** What an operator should know, in one line each. */
  readonly warnings: readonly string[]
}

export class ModelServing {
  readonly history: ReleaseHistory
  readonly #options: ModelServingOptions
  readonly #loaded = new LoadedModels(version => this.#load(version))
  /** By version, why it must not serve. */
  readonly #unfit = new Map<string, ApplicationError>()
  readonly #stop = new AbortController()
  #inForce: string | undefined
  #settling: Promise<void> | undefined
  /** Why the newest one promoted is not tried yet. */
  #waiting: string | undefined

  constructor(options: ModelServingOptions) {
    this.#options = options
    this.history = new ReleaseHistory(options)
    // Published anew it is tried anew: what was wrong may have been corrected.
    this.history.onChange(version => {
      if (version !== undefined) this.#unfit.delete(version)
    })
  }

  /** Begins to follow the topic, which exists. */
  start(): void {
    this.history.start(
      () => this.#settle(),
      () => this.#inForce,
    )
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
        const reason = this.#waiting ?? this.history.refused.at(-1)?.reason ?? 'none was promoted'
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
  inForce(): ReleaseId {
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
  get(version: string): Promise<Classifier> {
    return this.#loaded.get(version, this.#inForce)
  }

  /**
   * A release verified, with its bytes: for who loads it himself.
   * @throws ApplicationError MODEL_UNKNOWN, or what it was refused for
   */
  async verified(version: string): Promise<ModelRelease> {
    const unfit = this.#unfit.get(version)
    if (unfit !== undefined) throw unfit
    const release = await this.history.fetch(version)
    // What comes with the package was tried when it was made.
    if (this.history.release(version)?.trust !== 'shipped')
      await verifyRelease(release, this.#options.schema.features.length)
    return release
  }

  /** In the order of the probabilities; empty for a version that is not known. */
  labels(version: string): readonly string[] {
    return this.history.release(version)?.labels ?? []
  }

  releases(): ReleasesStatus {
    const { known, shadow, events, refused, refusals } = this.history
    const { name, trusted } = this.#options
    const signaturesRequired = trusted.keys.length > 0
    const warnings = [
      ...(!signaturesRequired
        ? ['No key is configured: releases are taken from anyone who may write to the topic.']
        : []),
      ...(this.#waiting === undefined ? [] : [this.#waiting]),
    ]
    return {
      ...(this.#inForce === undefined ? {} : { inForce: this.inForce() }),
      ...(shadow === undefined ? {} : { shadow: { name, version: shadow } }),
      known,
      events,
      signaturesRequired,
      refused,
      refusals,
      warnings,
    }
  }

  /** Called after anything that `releases` tells has changed; the answer ends it. */
  onChange(listener: () => void): () => void {
    return this.history.onChange(listener)
  }

  /** Remembers that a release must not serve, counts and reports it. */
  refuse(version: string, error: ApplicationError): void {
    this.#unfit.set(version, error)
    this.history.refuse(version, error)
  }

  /** Ends following and frees the models. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.history.close()
    await this.#settling
    await this.#loaded.close()
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
      if (version === undefined || version === this.#inForce) {
        this.#waiting = undefined
        return
      }
      try {
        await this.get(version)
        this.#inForce = version
        this.#waiting = undefined
        logger.info(`the release ${name}@${version} is in force`)
        this.history.changed()
      } catch (error) {
        if (!(error instanceof ApplicationError)) {
          // Not the release's fault; it is tried again after the next poll.
          const reason = error instanceof Error ? error.message : String(error)
          this.#waiting = `the release ${name}@${version} cannot be read at present: ${reason}`
          return logger.warn(this.#waiting)
        }
        this.refuse(version, error)
      }
    }
  }

  /** The newest promoted version that is not known to be unfit; if there is none, the one in force stays. */
  #candidate(): string | undefined {
    return this.history.promoted.find(version => !this.#unfit.has(version)) ?? this.#inForce
  }

  async #load(version: string): Promise<Classifier> {
    return await loadClassifier(await this.verified(version), this.#options.schema)
  }
}
