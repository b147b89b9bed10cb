/**
 * Temporary logins of Amazon Redshift: user and password for some minutes, given to whom IAM knows, by
 * GetClusterCredentials (a database user is named), GetClusterCredentialsWithIAM (none is) or, of Redshift Serverless,
 * GetCredentials. A connection outlives its login; only new ones need a fresh one.
 */
import {
  GetClusterCredentialsCommand,
  GetClusterCredentialsWithIAMCommand,
  RedshiftClient,
} from '@aws-sdk/client-redshift'
import { GetCredentialsCommand, RedshiftServerlessClient } from '@aws-sdk/client-redshift-serverless'
import { told } from '../../lake/aws.ts'
import type { Timers } from '../../topology/index.ts'
import { ApplicationError } from '../errors.ts'
import type { SqlLogin } from './postgres.ts'
import type { SqlAddress } from './sql-address.ts'

/** Seconds for which a login is asked: what AWS gives by default, and at least. */
const VALID_FOR = 900
/** Milliseconds before its end from which a login is not used any more: clocks differ, and logging in takes its time. */
const MARGIN = 120_000
/** Tries of one request, with growing waits between them. */
const ATTEMPTS = 5
const CONNECTED_WITHIN = 5_000
const ANSWERED_WITHIN = 20_000

interface TemporaryLogin extends SqlLogin {
  /** Milliseconds since the epoch. */
  readonly expires: number
}

export interface LoginSource {
  /** The login in hand, or a new one when that is about to expire. @throws LakeError AWS_… */
  login(): Promise<SqlLogin>
  close(): void
}

/**
 * Whom the address names: by its host (`CLUSTER.id.REGION.redshift.amazonaws.com`,
 * `WORKGROUP.account.REGION.redshift-serverless.amazonaws.com`), or by `cluster` or `workgroup` and `region` where the
 * host is another name for it.
 *
 * @throws ApplicationError SQL_URL_INVALID
 */
export function temporaryLogins(address: SqlAddress, timers: Pick<Timers, 'now'>): LoginSource {
  const { ask, close } = asking(address)
  let current: TemporaryLogin | undefined
  let asked: Promise<TemporaryLogin> | undefined
  return {
    async login() {
      if (current !== undefined && timers.now() < current.expires - MARGIN) return current
      // Connections are made several at once, and one answer serves them all.
      asked ??= told(`asking for a login to ${address.description}`, ask).finally(() => {
        asked = undefined
      })
      current = await asked
      return current
    },
    close,
  }
}

function asking(address: SqlAddress): { ask: () => Promise<TemporaryLogin>; close: () => void } {
  const { settings, database, user } = address
  const [name, , region, service] = address.host.replace(/\.amazonaws\.com(\.cn)?$/, '').split('.')
  const workgroup = settings.get('workgroup') ?? (service === 'redshift-serverless' ? name : undefined)
  const cluster = settings.get('cluster') ?? (service === 'redshift' ? name : undefined)
  const configuration = {
    // Where neither says it, AWS_REGION does.
    ...((settings.get('region') ?? (service && region)) && { region: settings.get('region') ?? region }),
    maxAttempts: ATTEMPTS,
    requestHandler: { connectionTimeout: CONNECTED_WITHIN, requestTimeout: ANSWERED_WITHIN },
  }
  if (workgroup !== undefined) {
    const client = new RedshiftServerlessClient(configuration)
    const input = { workgroupName: workgroup, dbName: database, durationSeconds: VALID_FOR }
    return {
      ask: async () => {
        const { dbUser, dbPassword, expiration } = await client.send(new GetCredentialsCommand(input))
        return whole(dbUser, dbPassword, expiration)
      },
      close: () => client.destroy(),
    }
  }
  if (cluster === undefined) {
    throw new ApplicationError(
      'SQL_URL_INVALID',
      `${address.description} has no password, and names neither a cluster nor a workgroup to ask for a login`,
    )
  }
  const client = new RedshiftClient(configuration)
  const input = { ClusterIdentifier: cluster, DbName: database, DurationSeconds: VALID_FOR }
  return {
    ask: async () => {
      const { DbUser, DbPassword, Expiration } =
        user === undefined
          ? await client.send(new GetClusterCredentialsWithIAMCommand(input))
          : await client.send(new GetClusterCredentialsCommand({ ...input, DbUser: user }))
      return whole(DbUser, DbPassword, Expiration)
    },
    close: () => client.destroy(),
  }
}

function whole(
  user: string | undefined,
  password: string | undefined,
  expiration: Date | undefined,
): TemporaryLogin {
  if (user === undefined || password === undefined || expiration === undefined)
    throw new Error('the answer holds no login')
  return { user, password, expires: expiration.getTime() }
}
