import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileStore } from '../../lake/file-store.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { Prediction } from '../../schemas/index.ts'
import { migrationsTable } from './migrations.ts'
import { redshiftDialect } from './redshift-dialect.ts'
import { stagedThroughS3 } from './redshift-staging.ts'
import type { Sql, SqlResult, SqlTransaction } from './sql.ts'
import { startSqlSink } from './sql-sink.ts'
import { logWithTopic, produce, topic } from './testing/predictions.ts'

/** Golden files, which `redshift-dialect.aws.test.ts` has parsed. */
const conversation = new URL('testing/redshift-statements.sql', import.meta.url).pathname
const schema = new URL('../../deploy/redshift/predictions.sql', import.meta.url).pathname

/** Answers as an empty Redshift would, for one sink, and keeps what it was told. */
function scripted(store: ObjectStore): { sql: Sql; statements: string[] } {
  const statements: string[] = []
  let row: Record<string, unknown> | undefined
  const query: SqlTransaction['query'] = async (text, params = []): Promise<SqlResult> => {
    statements.push(text)
    if (text.startsWith('insert into sink_offsets'))
      row = { log_id: params[0], partition: params[2], next_offset: params[3] }
    if (row !== undefined && text.startsWith('update sink_offsets')) row = { ...row, next_offset: params[0] }
    return { rows: row !== undefined && text.startsWith('select log_id') ? [row] : [], affected: 1 }
  }
  const copy = () => Promise.reject(new Error('Redshift copies from S3 only'))
  const connection: Pick<Sql, 'transaction'> = {
    async transaction(work) {
      statements.push('begin')
      const result = await work({ query, copy })
      statements.push('commit')
      return result
    },
  }
  return {
    statements,
    sql: {
      description: 'a script',
      dialect: redshiftDialect,
      query,
      transaction: stagedThroughS3(connection, { store, role: 'arn:aws:iam::123456789012:role/load' }),
      close: async () => {},
    },
  }
}

test('what the sink says to Redshift, from an empty warehouse to the first batch', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tickerwatch-staging-'))
  const store = { ...fileStore(directory), url: 's3://bucket/prefix/' }
  const { sql, statements } = scripted(store)
  const log = await logWithTopic()
  await produce(log, 0, 10)
  const sink = startSqlSink({
    log,
    sql,
    topic,
    group: 'sink',
    clientId: 'sink',
    decode: Prediction.decode,
    onDeadLetter: () => Promise.reject(new Error('there is none')),
    logger: { info: () => {}, warn: () => {} },
  })
  await sink.drained()
  await sink.close()
  await rm(directory, { recursive: true })
  const said = statements
    .slice(0, statements.lastIndexOf('commit') + 1)
    .map(statement => statement.replace(/[0-9a-f]{64}\.manifest/, 'DIGEST.manifest'))
  // Looks for the position come as often, and when, time passes.
  const isLook = (statement: string): boolean => statement.startsWith('select log_id')
  const golden = [...said.filter(isLook).slice(0, 1), ...said.filter(statement => !isLook(statement))]
  await expect(`${golden.join(';\n\n')};\n`).toMatchFileSnapshot(conversation)
})

test('the schema under deploy/ is that of the code', async () => {
  const text = (value: string): string => `'${value.replaceAll("'", "''")}'`
  const statements = redshiftDialect.migrations.flatMap(({ version, name, statements }) => [
    ...statements,
    `insert into tickerwatch_migrations (version, name, applied_at)
select ${version}, ${text(name)}, getdate()
where not exists (select 1 from tickerwatch_migrations where version = ${version})`,
  ])
  await expect(
    `-- What the sink of predictions makes by itself where it may. Who must not make tables has it run by one who may:
-- it can be run again, and the sink needs select, insert, update and delete on the three tables, and to make temporary ones.

begin;

${[migrationsTable, ...statements].join(';\n\n')};

commit;
`,
  ).toMatchFileSnapshot(schema)
})
