/** Whether the statements for Redshift are its SQL, as sqlglot knows it. */
import { expect, test } from 'vitest'
import { motoUnavailable } from '../../lake/testing/moto.ts'
import { redshiftCopy } from './redshift-copy.ts'
import { redshiftDialect } from './redshift-dialect.ts'
import { objections, statementsOf } from './testing/redshift-syntax.ts'

const reason = motoUnavailable()

test.skipIf(reason !== undefined)(`Redshift's parser takes them ${reason ?? ''}`, () => {
  const parquet = redshiftCopy({
    table: 'readings',
    columns: ['a', '"offset"'],
    from: 's3://bucket/processed/',
    role: 'default',
    format: 'parquet',
  })
  for (const file of ['testing/redshift-statements.sql', '../../deploy/redshift/predictions.sql']) {
    const statements = statementsOf(new URL(file, import.meta.url))
    expect(statements.length).toBeGreaterThan(5)
    expect(objections([...statements, parquet]).filter(objection => objection !== null)).toEqual([])
  }
})

test.skipIf(reason !== undefined)(`and refuses what is not quite one ${reason ?? ''}`, () => {
  const [table = '', ...others] = redshiftDialect.migrations.flatMap(({ statements }) => statements)
  const [merge = ''] = redshiftDialect.merge
  const copy =
    statementsOf(new URL('testing/redshift-statements.sql', import.meta.url)).find(each =>
      each.startsWith('copy'),
    ) ?? ''
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
