/** Whether what Redshift is told is its SQL, as sqlglot knows it. */
import { expect, test } from 'vitest'
import { motoUnavailable } from '../../lake/testing/moto.ts'
import { redshiftCopy } from '../sinks/redshift-copy.ts'
import { objections, statementsOf } from '../sinks/testing/redshift-syntax.ts'

const reason = motoUnavailable()

test.skipIf(reason !== undefined)(`Redshift's parser takes what it is told ${reason ?? ''}`, () => {
  const statements = statementsOf(new URL('testing/redshift-statements.sql', import.meta.url))
  expect(statements.length).toBeGreaterThan(10)
  const nested = redshiftCopy({
    table: 'warehouse_rows',
    columns: ['"mean"'],
    from: 's3://lake/_loads/a.manifest',
    manifest: true,
    role: 'default',
    format: 'parquet',
    nested: true,
  })
  const others = [
    nested,
    'create temp table warehouse_rows (\n  "a" super,\n  "b" varbyte(65535),\n  "c" timestamp\n)',
    'alter table "readings" add column "heartrate" double precision',
    'delete from "statistics"',
  ]
  const all = [...statements, ...others]
  expect(
    objections(all).flatMap((objection, i) => (objection === null ? [] : [[all[i], objection]])),
  ).toEqual([])
})

test.skipIf(reason !== undefined)(`and refuses what is not quite that ${reason ?? ''}`, () => {
  const statements = statementsOf(new URL('testing/redshift-statements.sql', import.meta.url))
  const find = (start: string) => statements.find(each => each.startsWith(start)) ?? ''
  const mutants = [
    find('copy').replace('parquet', 'parket'),
    find('copy')
      .replace('manifest\n', 'manifesto\n')
      .replace(/manifest$/, 'manifesto'),
    find('insert into "readings"').replace('select', 'selct'),
    find('delete from "readings"').replace('where', 'were'),
    find('create table if not exists "readings"').replace('compound sortkey', 'compound sort'),
    find('insert into warehouse_loads').replace('where not exists', 'on conflict do nothing --'),
  ]
  const accepted = objections(mutants).flatMap((objection, i) => (objection === null ? [mutants[i]] : []))
  expect(accepted).toEqual([])
})
