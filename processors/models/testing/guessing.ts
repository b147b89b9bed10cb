import { featureSchema } from '../../features/schema.ts'
import type { UnpublishedRelease } from '../release.ts'
import { release } from './releases.ts'

/** A release that nodes take, whose forest has learned nothing. */
export function guessing(
  name: string,
  version: string,
  labels: readonly string[],
): Promise<UnpublishedRelease> {
  const width = featureSchema.features.length
  return release(version, {
    name,
    labels: [...labels],
    featureSchemaHash: featureSchema.hash,
    shape: { width, classes: labels.length },
    probeFeatures: Array(width).fill(0),
  })
}
