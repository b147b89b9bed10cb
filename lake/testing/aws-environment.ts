/** The environment of AWS's clients, which decides where they turn: for tests, as it does for a user. */
import { vi } from 'vitest'

export const SECRET = 'secret-of-the-test'

/** Every service is at this endpoint; undone by `vi.unstubAllEnvs()`. */
export function awsAt(endpoint: string): void {
  vi.stubEnv('AWS_ENDPOINT_URL', endpoint)
  vi.stubEnv('AWS_ENDPOINT_URL_S3', endpoint)
  vi.stubEnv('AWS_REGION', 'us-east-1')
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', SECRET)
  vi.stubEnv('AWS_SESSION_TOKEN', undefined)
  vi.stubEnv('AWS_PROFILE', undefined)
}
