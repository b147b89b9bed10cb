/** A database by its URL. */
import type { ObjectStore } from '../../lake/object-store.ts'
import { openPglite } from './pglite.ts'
import { openPostgres } from './postgres.ts'
import type { Sql } from './sql.ts'

/**
 * @param url `postgres://…` or `redshift://…`; without one PGlite, which answers at once and boots meanwhile
 * @param staging of Redshift: where rows are staged that it is to take
 * @throws ApplicationError SQL_…; LakeError S3_…, AWS_…
 */
export async function openSql(url: string | undefined, staging?: ObjectStore): Promise<Sql> {
  if (url === undefined) return openPglite()
  if (!url.startsWith('redshift:')) return openPostgres(url)
  // AWS's clients are loaded only where they are used.
  const { openRedshift } = await import('./redshift.ts')
  return openRedshift(url, { staging })
}
