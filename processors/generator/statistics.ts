/**
 * A generator profile from the table of statistics, in the lake or in SQL. Its rows are of a person and an activity; the
 * column `profile` holds the profile of that activity alone, and these are put together again.
 */
import { parquetReadObjects } from 'hyparquet'
import { z } from 'zod'
import { tableFiles } from '../../lake/glue/table-files.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { openParquet } from '../../lake/parquet-file.ts'
import { ApplicationError } from '../errors.ts'
import type { SqlSession } from '../sinks/sql.ts'
import { type GeneratorProfile, parseProfile } from './profile.ts'

/** Documents of a profile: people × activities. */
const LIMIT = 100_000

const part = z.looseObject({
  people: z.tuple([z.looseObject({ id: z.string(), activities: z.record(z.string(), z.unknown()) })]),
})

/**
 * @param store at the table's place
 * @throws ApplicationError PROFILE_MISSING, PROFILE_INVALID; LakeError
 */
export async function profileFromLake(store: ObjectStore, name: string): Promise<GeneratorProfile> {
  const { partitions } = await tableFiles(store)
  const files = partitions.filter(({ values }) => values.join('/') === name).flatMap(({ files }) => files)
  const documents: unknown[] = []
  for (const found of files) {
    const { file, metadata } = await openParquet(store, found)
    const rows = await parquetReadObjects({ file, metadata, columns: ['profile'] })
    documents.push(...rows.map(({ profile }) => profile))
  }
  return whole(documents, name, `${store.url}name=${name}`)
}

/** @throws ApplicationError PROFILE_MISSING, PROFILE_INVALID, SQL_… */
export async function profileFromSql(
  sql: SqlSession & { readonly description: string },
  name: string,
): Promise<GeneratorProfile> {
  const { rows } = await sql.query(
    'select "profile" from "statistics" where "name" = $1 and "profile" is not null limit $2',
    [name, LIMIT + 1],
  )
  const documents = rows.map(({ profile }) => profile)
  return whole(documents, name, `${name} in the statistics of ${sql.description}`)
}

function whole(documents: readonly unknown[], name: string, place: string): GeneratorProfile {
  if (documents.length > LIMIT)
    throw new ApplicationError('PROFILE_INVALID', `${place} has more than ${LIMIT} rows`)
  const parts = documents.filter(document => document !== null).map(document => read(document, place))
  const [first] = parts
  if (first === undefined)
    throw new ApplicationError('PROFILE_MISSING', `there is no profile ${name}: ${place}`)
  const head = JSON.stringify({ ...first, people: [] })
  const people = new Map<string, (typeof first)['people'][0]>()
  for (const each of parts) {
    if (JSON.stringify({ ...each, people: [] }) !== head)
      throw new ApplicationError('PROFILE_INVALID', `${place} is not one generator profile: its rows differ`)
    const [{ activities, ...person }] = each.people
    const before = people.get(person.id)?.activities
    people.set(person.id, { ...person, activities: sorted({ ...before, ...activities }) })
  }
  const ordered = [...people.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  return parseProfile({ ...first, people: ordered }, place)
}

function read(document: unknown, place: string): z.infer<typeof part> {
  try {
    return part.parse(JSON.parse(String(document)))
  } catch (cause) {
    throw new ApplicationError('PROFILE_INVALID', `${place} has a row that is no generator profile`, {
      cause,
    })
  }
}

/** The order in which rows come must make no difference: the same seed makes the same readings. */
function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
}
