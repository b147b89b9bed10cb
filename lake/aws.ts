/** What AWS's clients throw, in the project's words. */
import { LakeError, type LakeErrorCode } from './errors.ts'

/** What the services answer with, by the name of the error (S3: "Error responses"; others: "Common errors"). */
const codes: Readonly<Record<string, LakeErrorCode>> = {
  NoSuchBucket: 'S3_BUCKET_MISSING',
  AccessDenied: 'AWS_ACCESS_DENIED',
  AccessDeniedException: 'AWS_ACCESS_DENIED',
  Forbidden: 'AWS_ACCESS_DENIED',
  PermanentRedirect: 'AWS_REGION_WRONG',
  AuthorizationHeaderMalformed: 'AWS_REGION_WRONG',
  IllegalLocationConstraintException: 'AWS_REGION_WRONG',
  CredentialsProviderError: 'AWS_CREDENTIALS_MISSING',
  ExpiredToken: 'AWS_CREDENTIALS_EXPIRED',
  ExpiredTokenException: 'AWS_CREDENTIALS_EXPIRED',
  TokenRefreshRequired: 'AWS_CREDENTIALS_EXPIRED',
  InvalidAccessKeyId: 'AWS_CREDENTIALS_INVALID',
  InvalidToken: 'AWS_CREDENTIALS_INVALID',
  UnrecognizedClientException: 'AWS_CREDENTIALS_INVALID',
  InvalidSignatureException: 'AWS_CREDENTIALS_INVALID',
  SignatureDoesNotMatch: 'AWS_CREDENTIALS_INVALID',
  RequestTimeTooSkewed: 'AWS_CREDENTIALS_INVALID',
  ConcurrentModificationException: 'AWS_CHANGED_MEANWHILE',
  VersionMismatchException: 'AWS_CHANGED_MEANWHILE',
  TimeoutError: 'AWS_UNREACHABLE',
}

/** Answers to HEAD have no body, and so no name. */
const codesOfStatus: Readonly<Record<number, LakeErrorCode>> = {
  301: 'AWS_REGION_WRONG',
  403: 'AWS_ACCESS_DENIED',
}

/**
 * Runs a request, and says what went wrong.
 * @param what it does, such as `reading s3://bucket/key`
 * @throws LakeError S3_BUCKET_MISSING and AWS_…
 */
export async function told<T>(what: string, request: () => Promise<T>): Promise<T> {
  try {
    return await request()
  } catch (cause) {
    if (cause instanceof LakeError) throw cause
    const { name, message } = cause instanceof Error ? cause : new Error(String(cause))
    if (name === 'Error' && /^Region is missing/.test(message))
      throw new LakeError('AWS_REGION_MISSING', `${what} failed: no region is set`, { cause })
    // Without an answer it is the network: ECONNREFUSED, ENOTFOUND, a connection that ended.
    const status = statusOf(cause)
    const unnamed = status === undefined ? 'AWS_UNREACHABLE' : (codesOfStatus[status] ?? 'AWS_REFUSED')
    const code = codes[name] ?? unnamed
    const detail = message && message !== name ? `${name}: ${message}` : name
    throw new LakeError(code, `${what} failed: ${detail}`, { cause })
  }
}

/** What the client threw, where it has been told already. */
export function causeOf(error: unknown): unknown {
  return error instanceof LakeError ? error.cause : error
}

/** The HTTP status of the answer; undefined where there was none. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined
  const metadata = error.$metadata
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
}
