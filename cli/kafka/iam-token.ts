/**
 * What Amazon MSK takes for a login by IAM, over OAUTHBEARER: the address of its operation Connect, signed for some minutes
 * (Signature V4 in the query). That is what aws-msk-iam-sasl-signer makes too; its version for JavaScript writes fractions of
 * a second where the credentials end before the token would, which brokers refuse.
 */
import { defaultProvider } from '@aws-sdk/credential-provider-node'
import { Sha256 } from '@smithy/core/checksum'
import { SignatureV4 } from '@smithy/signature-v4'
import { told } from '../../lake/aws.ts'
import { LakeError } from '../../lake/errors.ts'

/** Seconds: the longest that MSK takes. */
const LIFETIME = 900

interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly expiration?: Date
}

export interface IamTokenOptions {
  /** Of the brokers. */
  readonly region: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** By default those that AWS's clients find: environment, profile, container, machine; kept until shortly before they end. */
  readonly credentials?: () => Promise<Credentials>
}

/**
 * Each call signs anew, so that each login of a connection lasts as long as it can; the client logs in again before it is over.
 * @returns the token; it calls no service @throws LakeError AWS_CREDENTIALS_…
 */
export function iamToken({
  region,
  now,
  credentials: find = defaultProvider(),
}: IamTokenOptions): () => Promise<string> {
  const hostname = `kafka.${region}.${region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'}`
  return async () => {
    const credentials = await told('signing in to Kafka', find)
    const left = credentials.expiration && Math.floor((credentials.expiration.getTime() - now()) / 1000)
    if (left !== undefined && left <= 0)
      throw new LakeError('AWS_CREDENTIALS_EXPIRED', 'signing in to Kafka failed: the credentials have ended')
    const signer = new SignatureV4({
      service: 'kafka-cluster',
      region,
      credentials,
      sha256: Sha256,
      applyChecksum: false,
    })
    const { query = {} } = await signer.presign(
      {
        method: 'GET',
        protocol: 'https:',
        hostname,
        path: '/',
        query: { Action: 'kafka-cluster:Connect' },
        headers: { host: hostname },
      },
      { signingDate: new Date(now()), expiresIn: Math.min(left ?? LIFETIME, LIFETIME) },
    )
    const words = Object.entries({ ...query, 'User-Agent': 'tickerwatch' })
      .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
      .sort()
    return Buffer.from(`https://${hostname}/?${words.join('&')}`).toString('base64url')
  }
}
