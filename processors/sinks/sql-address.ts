/** The address of a database, as people give it: a URL. */
import { readFile } from 'node:fs/promises'
import { ApplicationError, messageOf } from '../errors.ts'

export interface SqlAddress {
  /** For people, without a secret: `postgres localhost:5432/watch`. */
  readonly description: string
  readonly host: string
  readonly port: number
  readonly database: string | undefined
  readonly user: string | undefined
  readonly password: string | undefined
  /** Certificate and host name are checked, by the authorities that Node knows or by `ca` (PEM) alone; false: no TLS. */
  readonly tls: false | { readonly ca?: string }
  /** What else the URL says, by the names that were allowed. */
  readonly settings: ReadonlyMap<string, string>
}

export interface SqlScheme {
  /** Of the description, and what the URL may begin with. */
  readonly name: string
  readonly protocols: readonly string[]
  readonly port: number
  readonly sslmode: 'disable' | 'verify-full'
  /** Parameters beside sslmode and sslrootcert. */
  readonly settings: readonly string[]
}

/**
 * TLS is either off (`sslmode=disable`) or checks the certificate and the host name (`sslmode=verify-full`): what lies
 * between, as `require`, would hand the password to whoever answers. `sslrootcert=FILE` names an own authority.
 *
 * @throws ApplicationError SQL_URL_INVALID; it quotes nothing of the URL that could be a secret
 */
export async function parseSqlAddress(url: string, scheme: SqlScheme): Promise<SqlAddress> {
  // The parser's own error would quote the URL, and so the password.
  if (!URL.canParse(url)) throw invalid('the address of the database is not a URL')
  const { protocol, hostname, port, pathname, username, password, searchParams } = new URL(url)
  if (!scheme.protocols.includes(protocol))
    throw invalid(`"${protocol}//" is not a database this version knows`)
  const settings = new Map(searchParams)
  const host = hostname.replace(/^\[(.+)\]$/, '$1') || 'localhost'
  const description = `${scheme.name} ${hostname || 'localhost'}:${port || scheme.port}${pathname}`
  for (const name of settings.keys()) {
    if (!['sslmode', 'sslrootcert', ...scheme.settings].includes(name))
      throw invalid(`the address of ${description} has a parameter that is not known: ${name}`)
  }
  const mode = settings.get('sslmode') ?? scheme.sslmode
  if (mode !== 'disable' && mode !== 'verify-full')
    throw invalid(`the address of ${description} has an sslmode that is neither disable nor verify-full`)
  const text = (encoded: string): string | undefined =>
    encoded === '' ? undefined : decodeURIComponent(encoded)
  return {
    description,
    host,
    port: Number(port || scheme.port),
    database: text(pathname.slice(1)),
    user: text(username),
    password: text(password),
    tls: mode === 'disable' ? false : await authority(description, settings.get('sslrootcert')),
    settings,
  }
}

async function authority(description: string, file: string | undefined): Promise<{ ca?: string }> {
  if (file === undefined) return {}
  try {
    return { ca: await readFile(file, 'utf8') }
  } catch (error) {
    throw invalid(
      `the address of ${description} names an sslrootcert that cannot be read: ${messageOf(error)}`,
    )
  }
}

function invalid(message: string): ApplicationError {
  return new ApplicationError('SQL_URL_INVALID', message)
}
