import { expect, test } from 'vitest'
import { openRedshift } from './redshift.ts'
import { redshiftCopy } from './redshift-copy.ts'

test.each([
  ['redshift://watch:sesame@localhost/db?sslmode=require', 'sslmode'],
  ['redshift://watch:sesame@localhost/db?ssl_mode=disable', 'ssl_mode'],
  ['redshift://watch:sesame@localhost/db?sslrootcert=/nowhere/ca.pem', 'cannot be read'],
  ['redshift://watch@example.org/db', 'neither a cluster nor a workgroup'],
  ['postgres://watch:sesame@localhost/db', 'postgres://'],
])('%s is refused, without the password', async (url, what) => {
  const error: unknown = await openRedshift(url).catch((failure: unknown) => failure)
  expect(error).toMatchObject({ code: 'SQL_URL_INVALID', message: expect.stringContaining(what) })
  expect(String(error)).not.toContain('sesame')
})

test('COPY', () => {
  expect(
    redshiftCopy({
      table: 'readings',
      columns: ['a', '"offset"'],
      from: "s3://bucket/it's\\",
      role: 'arn:aws:iam::123456789012:role/load',
      format: 'parquet',
    }),
  ).toBe(`copy readings (a, "offset")
from 's3://bucket/it''s\\\\'
iam_role 'arn:aws:iam::123456789012:role/load'
format as parquet`)
  expect(
    redshiftCopy({
      table: 't',
      columns: ['a'],
      from: 's3://bucket/m',
      role: 'default',
      manifest: true,
      format: 'csv gzip',
    }),
  ).toBe(`copy t (a)
from 's3://bucket/m'
iam_role default
format as csv gzip
manifest
compupdate off
statupdate off`)
})
