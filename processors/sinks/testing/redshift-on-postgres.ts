/**
 * What Redshift does with our statements, done by PostgreSQL: COPY reads the objects that the manifest lists, keys are
 * not enforced, and how rows lie on disk is of no interest.
 */
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { ObjectStore } from '../../../lake/object-store.ts'
import { openPostgres } from '../postgres.ts'
import { redshiftDialect } from '../redshift-dialect.ts'
import { stagedThroughS3 } from '../redshift-staging.ts'
import type { Sql, SqlTransaction } from '../sql.ts'

const decompress = promisify(gunzip)
const copyOf =
  /^copy (\S+) \((.*)\)\nfrom '(.*)'\niam_role default\nformat as csv gzip\nmanifest\ncompupdate off\nstatupdate off$/
const physical =
  /^(diststyle \w+|distkey \(.*\)|(compound )?sortkey \(.*\))$|,\s*primary key \(.*\)(?=\s*\))/gm

export async function redshiftOnPostgres(url: string, store: ObjectStore): Promise<Sql> {
  const postgres = await openPostgres(url)
  const object = (location: string): Promise<Buffer> => store.get(location.slice(store.url.length))

  const run = async (session: SqlTransaction, ...[text, params]: Parameters<SqlTransaction['query']>) => {
    const [, table, columns, manifest] = copyOf.exec(text) ?? []
    if (table === undefined || columns === undefined || manifest === undefined)
      return session.query(text.replaceAll(physical, ''), params)
    const { entries }: { entries: { url: string }[] } = JSON.parse((await object(manifest)).toString())
    const parts = entries.map(async entry => ({
      name: entry.url,
      csv: await decompress(await object(entry.url)),
    }))
    await session.copy(table, columns.split(', '), await Promise.all(parts))
    return { rows: [], affected: 0 }
  }

  const withoutStdin: Sql['transaction'] = work =>
    postgres.transaction(session =>
      work({
        query: (text, params) => run(session, text, params),
        copy: () => Promise.reject(new Error('Redshift copies from S3 only')),
      }),
    )
  return {
    ...postgres,
    dialect: redshiftDialect,
    transaction: stagedThroughS3({ transaction: withoutStdin }, { store, role: 'default' }),
  }
}
