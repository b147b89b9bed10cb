/** The switches from one release to another: decisions that each task recorded, with the reading from which they hold. */
import { decisionsOf, type Log } from '../../topology/index.ts'
import { RELEASE_DECISIONS, releaseIdSerde } from '../release-in-force.ts'
import { topics } from '../topics.ts'

export interface ModelSwitch {
  readonly partition: number
  /** Counts the switches of the partition, from 0. */
  readonly number: number
  readonly name: string
  readonly version: string
  /** Of the first reading that may be scored with it, and of all after it. */
  readonly offset: number
  /** When it was committed, milliseconds since the epoch. */
  readonly at: number
}

/** By partition, in their order. */
export async function modelSwitches(options: {
  readonly log: Log
  readonly applicationId: string
  readonly clientId: string
}): Promise<readonly ModelSwitch[]> {
  const decisions = await decisionsOf({ ...options, name: RELEASE_DECISIONS, value: releaseIdSerde })
  return decisions.map(({ partition, number, at, value, from }) => {
    const offset = from.find(each => each.topic === topics.readings)?.position ?? 0
    return { partition, number, name: value.name, version: value.version, offset, at }
  })
}
