/** Amazon Redshift as SQL port: PostgreSQL's protocol, with TLS, and a login of IAM where the address has no password. */
import type { ObjectStore } from '../../lake/object-store.ts'
import { systemTimers, type Timers } from '../../topology/index.ts'
import { ApplicationError } from '../errors.ts'
import { connected } from './postgres.ts'
import { redshiftDialect } from './redshift-dialect.ts'
import { temporaryLogins } from './redshift-login.ts'
import { stagedThroughS3, sweep } from './redshift-staging.ts'
import type { Sql } from './sql.ts'
import { parseSqlAddress } from './sql-address.ts'

/** Milliseconds: a COPY takes seconds or minutes, and a warehouse that was paused as long again. */
const ANSWERED_WITHIN = 600_000

export interface RedshiftOptions {
  /** Where the rows of `copy` are staged: a bucket in the warehouse's region. Without it there is only `query`. */
  readonly staging?: ObjectStore | undefined
  readonly timers?: Pick<Timers, 'now'>
}

export interface Redshift extends Sql {
  /** For COPY: the ARN of the role given as `iam_role`, or `default`. */
  readonly role: string
}

/**
 * Connects, and fails at once when that is impossible. Certificate and host name are checked unless the URL says
 * `sslmode=disable`; `sslrootcert=FILE` names an own authority.
 *
 * @param url `redshift://user:password@host:port/database?iam_role=ARN`; without a password a temporary login is asked
 * for, see `redshift-login.ts`: with `cluster` or `workgroup` and `region` where the host does not say them
 * @throws ApplicationError SQL_URL_INVALID, SQL_UNREACHABLE, SQL_UNTRUSTED, SQL_REFUSED; LakeError S3_…, AWS_…; none
 * shows a password
 */
export async function openRedshift(
  url: string,
  { staging, timers = systemTimers }: RedshiftOptions = {},
): Promise<Redshift> {
  const address = await parseSqlAddress(url, {
    name: 'redshift',
    protocols: ['redshift:'],
    port: 5439,
    sslmode: 'verify-full',
    settings: ['iam_role', 'cluster', 'workgroup', 'region'],
  })
  const role = address.settings.get('iam_role') ?? 'default'
  const logins = address.password === undefined ? temporaryLogins(address, timers) : undefined
  try {
    if (staging !== undefined) await sweep(staging, timers.now())
    const sql = await connected({
      address,
      dialect: redshiftDialect,
      answeredWithin: ANSWERED_WITHIN,
      ...(logins && { login: () => logins.login() }),
    })
    return {
      ...sql,
      role,
      transaction: staging === undefined ? unstaged(sql) : stagedThroughS3(sql, { store: staging, role }),
      close: async () => {
        await sql.close()
        logins?.close()
      },
    }
  } catch (error) {
    logins?.close()
    throw error
  }
}

function unstaged({ transaction, description }: Sql): Sql['transaction'] {
  const copy = async (): Promise<never> => {
    throw new ApplicationError('SQL_STAGING_MISSING', `${description} takes rows from S3 only`)
  }
  return work => transaction(({ query }) => work({ query, copy }))
}
