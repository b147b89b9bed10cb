/** A generator profile by what the options say: shipped, in a file, or in the table of statistics. */
import { LakeError } from '../../lake/errors.ts'
import { glueCatalog } from '../../lake/glue/catalog.ts'
import { openStore } from '../../lake/open-store.ts'
import { type GeneratorProfile, readProfile, shippedProfile } from '../../processors/generator/profile.ts'
import { profileFromLake, profileFromSql } from '../../processors/generator/statistics.ts'
import { openSql } from '../../processors/sinks/open-sql.ts'

/** The table that `tickerwatch emr statistics` writes and registers. */
const TABLE = 'statistics'

/** @throws ApplicationError PROFILE_…, SQL_…; LakeError */
export async function openProfile(name: string, statistics?: string): Promise<GeneratorProfile> {
  if (statistics === undefined)
    return /\.json(\.gz)?$/.test(name) ? await readProfile(name) : await shippedProfile(name)
  if (/^(postgres|postgresql|redshift):/.test(statistics)) {
    const sql = await openSql(statistics)
    try {
      return await profileFromSql(sql, name)
    } finally {
      await sql.close()
    }
  }
  const store = await openStore(await placeOf(statistics))
  try {
    return await profileFromLake(store, name)
  } finally {
    await store.close()
  }
}

/** Where the table's files are. */
async function placeOf(statistics: string): Promise<string> {
  const [, database] = /^glue:\/\/([a-z0-9_]+)\/?$/.exec(statistics) ?? []
  if (database === undefined) return statistics
  const catalog = glueCatalog(database)
  try {
    const table = await catalog.table(TABLE)
    if (table === undefined)
      throw new LakeError('TABLE_MISSING', `there is no table ${database}.${TABLE} in Glue`)
    return table.location
  } finally {
    catalog.close()
  }
}
