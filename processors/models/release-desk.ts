/** Releases as a person handles them: published, promoted, put into shadow, rolled back. Each change is an event with a reason. */
import type { ModelRelease, ReleaseStatus } from '../../schemas/index.ts'
import { ApplicationError } from '../errors.ts'
import { type ModelSwitch, modelSwitches } from './model-switches.ts'
import { type PublishOptions, publishRelease, writeEvents } from './publish.ts'
import { releaseKey, type UnpublishedRelease } from './release.ts'
import type { ReleaseHistory } from './release-history.ts'
import { compareShadow, type ShadowComparison } from './shadow-comparison.ts'
import { verifyRelease } from './verifier.ts'

export interface ReleaseId {
  readonly name: string
  readonly version: string
}

/** What became of a release. */
export interface ReleaseChange extends ReleaseId {
  readonly status: ReleaseStatus
  readonly reason: string | null
}

/** All throw ApplicationError MODEL_… with nothing published, or TickerError LOG_… */
export interface ReleaseDesk {
  /** A release that was published, with its model or the place where that is. */
  release(id: ReleaseId): Promise<UnpublishedRelease>
  publish(
    release: UnpublishedRelease,
    options: { readonly promote: boolean; readonly reason?: string | undefined },
  ): Promise<ReleaseChange>
  /** Puts a release into force that was published before. */
  promote(id: ReleaseId, reason: string): Promise<ReleaseChange>
  /** Lets a release score beside the one in force, instead of another one. */
  shadow(id: ReleaseId, reason?: string): Promise<ReleaseChange>
  /** Nothing scores beside the one in force any more. */
  endShadow(reason?: string): Promise<ReleaseChange>
  /** Puts the release into force again that was before the newest one promoted, or the one named, and retires that. */
  rollback(options: {
    readonly version?: string | undefined
    readonly reason: string
  }): Promise<ReleaseChange>
  /** How the release in shadow does, or one that was: beside what served, over all windows that both scored. */
  comparison(id?: ReleaseId): Promise<ShadowComparison>
  /** Which task took which release from where on. */
  switches(): Promise<readonly ModelSwitch[]>
}

export interface ReleaseDeskOptions extends PublishOptions {
  /** Of the model that is followed. */
  readonly name: string
  readonly history: ReleaseHistory
  readonly applicationId: string
}

export function releaseDesk(options: ReleaseDeskOptions): ReleaseDesk {
  const { name, history, schema } = options
  const fetch = async (id: ReleaseId): Promise<UnpublishedRelease> => {
    if (id.name !== name)
      throw new ApplicationError('MODEL_UNKNOWN', `this node follows releases of ${name}, not of ${id.name}`)
    const { status: _, publishedAt: __, reason: ___, ...release } = await history.fetch(id.version)
    return release
  }
  const change = async (id: ReleaseId, status: ReleaseStatus, reason?: string): Promise<ReleaseChange> => {
    await history.caughtUp()
    return changeOf(await publishRelease({ release: await fetch(id), status, reason }, options))
  }
  return {
    async release(id) {
      await history.caughtUp()
      return await fetch(id)
    },
    async publish(release, { promote, reason }) {
      return changeOf(
        await publishRelease({ release, status: promote ? 'promoted' : 'candidate', reason }, options),
      )
    },
    promote: (id, reason) => change(id, 'promoted', reason),
    async shadow(id, reason) {
      await history.caughtUp()
      if (history.promoted[0] === id.version)
        throw new ApplicationError('MODEL_IN_FORCE', `${releaseKey(id)} is in force, and no shadow of itself`)
      return await change(id, 'shadow', reason)
    },
    async endShadow(reason) {
      await history.caughtUp()
      const version = history.shadow
      if (version === undefined) throw new ApplicationError('MODEL_NO_SHADOW', 'no release is in shadow')
      return await change({ name, version }, 'candidate', reason)
    },
    async rollback({ version, reason }) {
      await history.caughtUp()
      const [newest, earlier] = history.promoted
      const to = version ?? earlier
      if (newest === undefined || to === undefined || to === newest) {
        const what =
          to === undefined ? 'no release was promoted before it' : `${name}@${to} is the newest promoted`
        throw new ApplicationError('MODEL_NO_EARLIER', `there is nothing to go back to: ${what}`)
      }
      const [back, away] = [await fetch({ name, version: to }), await fetch({ name, version: newest })]
      const event: ModelRelease = { ...back, status: 'promoted', publishedAt: 0, reason }
      await verifyRelease(event, schema.features.length)
      const [written] = await writeEvents(
        [
          { release: back, status: 'promoted', reason },
          { release: away, status: 'retired', reason },
        ],
        options,
      )
      return changeOf(written!)
    },
    async comparison(id) {
      await history.caughtUp()
      const version = id?.version ?? history.shadow
      if (version === undefined) throw new ApplicationError('MODEL_NO_SHADOW', 'no release is in shadow')
      return await compareShadow({ ...options, release: { name: id?.name ?? name, version } })
    },
    switches: () => modelSwitches(options),
  }
}

function changeOf({ name, version, status, reason }: ModelRelease): ReleaseChange {
  return { name, version, status, reason }
}
