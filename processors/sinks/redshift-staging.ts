/**
 * Rows on their way into Redshift, which takes them from S3: gzipped files, and a manifest that lists those of a batch, so
 * that one COPY loads exactly these.
 *
 * A file is named by log identity, partition and offsets, first and last: a retry of the same rows overwrites it, and a
 * rival that staged a shorter or longer run of them cannot replace it between the writing and the COPY. Files are of no
 * use once their transaction ended, however it did: COMMIT is sent after COPY has read them, and a COPY that was cut off
 * is never committed.
 */
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { ObjectStore } from '../../lake/object-store.ts'
import { redshiftCopy } from './redshift-copy.ts'
import type { CsvPart, Sql, SqlTransaction } from './sql.ts'

const compress = promisify(gzip)

const FOLDER = 'sink-staging'
/** What a killed process left behind is deleted after so many milliseconds. */
const FORGOTTEN_AFTER = 24 * 3_600_000
/** Objects deleted at once. */
const SWEPT = 1_000

export interface RedshiftStaging {
  /** A bucket in the region of the warehouse. */
  readonly store: ObjectStore
  /** For COPY: see `RedshiftCopy`. */
  readonly role: string
}

/** `transaction` of a connection, with a `copy` that goes through S3. */
export function stagedThroughS3(sql: Pick<Sql, 'transaction'>, staging: RedshiftStaging): Sql['transaction'] {
  return async work => {
    const keys: string[] = []
    try {
      return await sql.transaction(session =>
        work({
          query: (text, params) => session.query(text, params),
          copy: (...rows) => copy(session, staging, keys, ...rows),
        }),
      )
    } finally {
      // What cannot be deleted now is left to `sweep`.
      await Promise.allSettled(keys.map(key => staging.store.delete(key)))
    }
  }
}

async function copy(
  session: SqlTransaction,
  { store, role }: RedshiftStaging,
  keys: string[],
  table: string,
  columns: readonly string[],
  parts: readonly CsvPart[],
): Promise<void> {
  const put = async (key: string, body: Buffer): Promise<string> => {
    keys.push(key)
    await store.put(key, body)
    return `${store.url}${key}`
  }
  const urls = await Promise.all(
    parts.map(async ({ name, csv }) => put(`${FOLDER}/${name}.csv.gz`, await compress(csv))),
  )
  const manifest = JSON.stringify({ entries: urls.map(url => ({ url, mandatory: true })) })
  const digest = createHash('sha256').update(manifest).digest('hex')
  const from = await put(`${FOLDER}/${digest}.manifest`, Buffer.from(manifest))
  await session.query(redshiftCopy({ table, columns, from, manifest: true, role, format: 'csv gzip' }))
}

/** Deletes what processes that were killed have left. @throws LakeError S3_…, AWS_… */
export async function sweep(store: ObjectStore, now: number): Promise<void> {
  const forgotten: string[] = []
  for await (const { key, modified } of store.list(`${FOLDER}/`)) {
    if (modified < now - FORGOTTEN_AFTER) forgotten.push(key)
    if (forgotten.length >= SWEPT) break
  }
  for (const key of forgotten) await store.delete(key)
}
