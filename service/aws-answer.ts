/** What routes that ask AWS answer besides: what it refused and what to do, or that nothing is configured. */
import { z } from 'zod'
import { LakeError } from '../lake/errors.ts'
import type { failure } from './api.ts'

/** For where no cluster is configured: no error, but what to do. */
export const notConfigured = {
  configured: false as const,
  toDo: 'Start the node with --emr-config emr.json (spark-jobs/submit/README.md describes the file), and set AWS_REGION and credentials.',
}
export const unconfigured = z
  .object({ configured: z.literal(false), toDo: z.string() })
  .describe('No cluster is configured.')

/** Of a cluster or a step of EMR. */
export const awsId = z.string().regex(/^[A-Za-z0-9-]{1,64}$/, 'an id of EMR, such as j-2AXXXXXXGAPLF')

/** Of what AWS refuses, for a 502: it is no fault of the node, and nothing for its log. @throws other errors again */
export function refusal(error: unknown): z.infer<typeof failure> {
  if (!(error instanceof LakeError)) throw error
  const { code, message, remedy } = error
  return { code, message, remedy }
}
