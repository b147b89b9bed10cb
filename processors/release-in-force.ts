import type { RecordedInput, Serde } from '../topology/index.ts'
import type { ReleaseId } from './activity-topology.ts'
import type { ModelServing } from './models/serving.ts'

/** The recorded input's name, and that of its store. */
export const RELEASE_DECISIONS = 'release'

export const releaseIdSerde: Serde<ReleaseId> = {
  name: 'release-id-1',
  serialize: ({ name, version }) => Buffer.from(`${name}@${version}`, 'utf8'),
  deserialize: bytes => {
    const [name = '', version = ''] = bytes.toString('utf8').split('@')
    return { name, version }
  },
}

/** The release in force, as a recorded decision of each task; loaded before it is taken, off the hot path. */
export function releaseInForce(serving: ModelServing): RecordedInput<ReleaseId> {
  return {
    name: RELEASE_DECISIONS,
    value: releaseIdSerde,
    offer: () => serving.inForce(),
    prepare: async ({ version }) => {
      await serving.get(version)
    },
  }
}
