import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openPglite } from './pglite.ts'

let dataDir: string
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tickerwatch-pglite-'))
})
afterAll(() => rm(dataDir, { recursive: true }))

test(
  'PGlite keeps the port: types, transactions, errors, closing; a directory outlives it',
  { timeout: 120_000 },
  async () => {
    const sql = openPglite({ dataDir })
    await sql.query('create table t (id bigint primary key, at timestamptz, name text)')
    const inserted = await sql.query('insert into t values ($1, $2, $3), (2, null, null)', [
      1,
      '2020-01-01T00:00:00.000Z',
      'a',
    ])
    expect(inserted.affected).toBe(2)
    const rows = [
      { id: 1, at: new Date('2020-01-01T00:00:00Z'), name: 'a', n: 2 },
      { id: 2, at: null, name: null, n: 2 },
    ]
    const all = 'select id, at, name, (select count(*) from t) as n from t order by id'
    expect((await sql.query(all)).rows).toEqual(rows)

    const failing = sql.transaction(async session => {
      await session.query('delete from t')
      await session.query('insert into missing values (1)')
    })
    // Given while the transaction runs: it must not see the deletion, nor take part in it.
    const meanwhile = sql.query('select count(*) as n from t')
    await expect(failing).rejects.toMatchObject({
      code: 'SQL_FAILED',
      message: expect.stringContaining('42P01'),
    })
    expect((await meanwhile).rows).toEqual([{ n: 2 }])

    await sql.close()
    await expect(sql.query('select 1')).rejects.toMatchObject({ code: 'SQL_UNREACHABLE' })
    await sql.close()

    const again = openPglite({ dataDir })
    expect((await again.query(all)).rows).toEqual(rows)
    await again.close()
  },
)
