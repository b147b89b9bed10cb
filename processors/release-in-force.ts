import type { RecordedInput } from '../topology/index.ts'
import type { ReleaseId } from './activity-topology.ts'
import type { ModelServing } from './models/serving.ts'

/** The release in force, as a recorded decision of each task; loaded before it is taken, off the hot path. */
export function releaseInForce(serving: ModelServing): RecordedInput<ReleaseId> {
  return {
    name: 'release',
    value: {
      name: 'release-id-1',
      serialize: ({ name, version }) => Buffer.from(`${name}@${version}`, 'utf8'),
      deserialize: bytes => {
        const [name = '', version = ''] = bytes.toString('utf8').split('@')
        return { name, version }
      },
    },
    offer: () => serving.inForce(),
    prepare: async ({ version }) => {
      await serving.get(version)
    },
  }
}
