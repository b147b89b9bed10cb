/** Where things are kept: the state directory and its disk, the running node, SQL, the schema registry, buckets. */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Settings } from '../configuration/settings.ts'
import { CliError } from '../errors.ts'
import { readNodeFile } from '../node-file.ts'
import { inBytes } from '../progress.ts'
import type { Check, Said } from './check.ts'

/** Bytes. RocksDB compacts into new files before it removes the old ones, and stops where there is no room. */
const LEAST_FREE = 1_000_000_000
/** Milliseconds. */
const ANSWER_WITHIN = 5_000

export type PlaceSettings = Pick<Settings, 'state' | 'sql' | 's3' | 'registry' | 'featureStore' | 'archive'>

export function placeChecks(settings: PlaceSettings): readonly Check[] {
  const { state, sql, s3, registry, featureStore, archive } = settings
  return [
    { name: 'state', run: () => stateSaid(state) },
    { name: 'node', run: () => nodeSaid(state) },
    {
      name: 'registry',
      run: () =>
        registry === undefined ? unset('schema ids are those of the process') : registrySaid(registry),
    },
    {
      name: 'sql',
      run: () => (sql === undefined ? unset('PGlite, in the node’s memory') : sqlSaid(sql, s3)),
    },
    { name: 'feature store', run: () => storeSaid(featureStore ?? join(state, 'feature-store')) },
    {
      name: 'archive',
      run: () => (archive === undefined ? unset('readings are not archived') : storeSaid(archive)),
    },
  ]
}

async function unset(said: string): Promise<Said> {
  return { said: `not set: ${said}`, skipped: true }
}

/** Nothing is made where it is not there yet: then its nearest parent counts. */
async function stateSaid(state: string): Promise<Said> {
  let place = resolve(state)
  while ((await stat(place).catch(() => undefined)) === undefined) place = dirname(place)
  if (!(await stat(place)).isDirectory())
    return { said: `${place} is no directory`, remedy: 'Name a directory with --state.' }
  try {
    await access(place, constants.W_OK | constants.X_OK)
  } catch {
    return {
      said: `${place} cannot be written by this user`,
      remedy: 'Give it to the user that runs the node (chown), or name another directory with --state.',
    }
  }
  const { bavail, bsize } = await statfs(place)
  const free = bavail * bsize
  const said = `${inBytes(free)} free at ${place}`
  return free >= LEAST_FREE ? { said } : { said, remedy: `Free some space: ${inBytes(LEAST_FREE)} at least.` }
}

async function nodeSaid(state: string): Promise<Said> {
  let url: string
  try {
    url = (await readNodeFile(state)).url
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'NODE_NOT_RUNNING') throw error
    return { said: error.message, skipped: true }
  }
  const response = await fetch(new URL('/health/ready', url), {
    signal: AbortSignal.timeout(ANSWER_WITHIN),
  }).catch(cause => {
    throw new CliError('NODE_UNREACHABLE', `the node at ${url} does not answer`, { cause })
  })
  if (response.ok) return { said: `ready at ${url}` }
  return { said: `at ${url}, not ready: ${await response.text()}`, remedy: 'See what the node prints.' }
}

async function registrySaid(registry: string): Promise<Said> {
  const { registryAddress } = await import('../../schemas/index.ts')
  const { url: base, headers } = registryAddress(registry)
  const url = `${base}/subjects`
  const remedy = 'Check the address, and that the registry runs; it ends with /apis/ccompat/v7 for Apicurio.'
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(ANSWER_WITHIN) })
    if (!response.ok) return { said: `${url} answers ${response.status}`, remedy }
    const subjects: unknown = await response.json()
    if (!Array.isArray(subjects)) return { said: `${url} is no list of subjects`, remedy }
    return { said: `${subjects.length} subjects at ${base}` }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return { said: `${url} cannot be reached: ${cause instanceof Error ? cause.message : cause}`, remedy }
  }
}

async function sqlSaid(url: string, staging: string | undefined): Promise<Said> {
  const { ApplicationError } = await import('../../processors/errors.ts')
  const { openSql } = await import('../../processors/sinks/open-sql.ts')
  const { openStore } = await import('../../lake/open-store.ts')
  const store = staging === undefined ? undefined : await openStore(staging)
  try {
    const sql = await openSql(url, store)
    try {
      await sql.query('select count(*) from predictions where 1 = 0')
      return { said: `${sql.description}, with the table predictions` }
    } catch (error) {
      if (!(error instanceof ApplicationError) || error.code !== 'SQL_FAILED') throw error
      const { rows } = await sql.query(`select has_schema_privilege(current_schema(), 'CREATE') as may`)
      if (rows[0]?.may === true)
        return { said: `${sql.description}; the first node that starts makes its tables` }
      return {
        said: `${sql.description}: there is no table predictions, and none may be made`,
        remedy: 'Let an owner of the schema grant CREATE on it to this user.',
      }
    } finally {
      await sql.close()
    }
  } finally {
    await store?.close()
  }
}

/** Writes a small object and removes it: rights to read say nothing of those to write. */
async function storeSaid(location: string): Promise<Said> {
  const { openStore } = await import('../../lake/open-store.ts')
  const store = await openStore(location)
  try {
    const key = `doctor/${randomUUID()}`
    await store.put(key, Buffer.from('written by tickerwatch doctor, to be removed'))
    await store.get(key)
    await store.delete(key)
    return { said: `can be written and read at ${store.url}` }
  } finally {
    await store.close()
  }
}
