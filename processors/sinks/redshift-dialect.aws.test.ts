/** Whether the statements for Redshift are its SQL, as sqlglot knows it. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { motoUnavailable } from '../../lake/testing/moto.ts'
import { redshiftCopy } from './redshift-copy.ts'
import { redshiftDialect } from './redshift-dialect.ts'

const reason = motoUnavailable()

/** By statement, why it is none. */
function objections(statements: readonly string[]): (string | null)[] {
  // sqlglot is in the environment that moto is in.
  const python = join(dirname(process.env.TICKERWATCH_MOTO ?? ''), 'python')
  const program = new URL('testing/redshift_syntax.py', import.meta.url).pathname
  const input = JSON.stringify(statements)
  return JSON.parse(
    execFileSync(python, [program], { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] }),
  )
}

function statementsOf(file: string): string[] {
  return readFileSync(new URL(file, import.meta.url), 'utf8')
    .replaceAll(/^--.*\n/gm, '')
    .split(/;\n\s*/)
    .filter(statement => statement.trim() !== '')
}

test.skipIf(reason !== undefined)(`Redshift's parser takes them ${reason ?? ''}`, () => {
  const parquet = redshiftCopy({
    table: 'readings',
    columns: ['a', '"offset"'],
    from: 's3://bucket/processed/',
    role: 'default',
    format: 'parquet',
  })
  for (const file of ['testing/redshift-statements.sql', '../../deploy/redshift/predictions.sql']) {
    const statements = statementsOf(file)
    expect(statements.length).toBeGreaterThan(5)
    expect(objections([...statements, parquet]).filter(objection => objection !== null)).toEqual([])
  }
})

test.skipIf(reason !== undefined)(`and refuses what is not quite one ${reason ?? ''}`, () => {
  const [table = '', ...others] = redshiftDialect.migrations.flatMap(({ statements }) => statements)
  const [merge = ''] = redshiftDialect.merge
  const copy = statementsOf('testing/redshift-statements.sql').find(each => each.startsWith('copy')) ?? ''
  expect(others.length).toBeGreaterThan(0)
  const mutants = [
    table.replace('distkey (device_id)', 'distkey device_id'),
    table.replace('compound sortkey', 'compound sort'),
    table.replace('diststyle key', 'diststyle'),
    merge.replace('when matched then', 'when matched'),
    merge.replace('using ', ''),
    copy.replace('from ', 'form '),
    copy.replace('iam_role', 'iam_roll'),
    copy.replace('csv', 'cvs'),
    copy.replace('gzip', 'gz'),
    copy.replace('s3://', 'http://'),
    'insert into sink_offsets values (1) on conflict do nothing',
    'create temp table staging (like predictions) on commit drop',
    'copy predictions from stdin',
    'select unnest(array[1])',
  ]
  const accepted = objections(mutants).flatMap((objection, i) => (objection === null ? [mutants[i]] : []))
  expect(accepted).toEqual([])
})
