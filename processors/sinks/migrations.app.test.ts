import { afterAll, beforeEach, expect, test, vi } from 'vitest'
import { type Migration, migrate } from './migrations.ts'
import { openPglite } from './pglite.ts'
import type { Sql } from './sql.ts'
import { dropTables } from './testing/predictions.ts'

/** PGlite takes its time on a busy machine. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })
const sql = openPglite()
afterAll(() => sql.close())
beforeEach(() => dropTables(sql))

const first: Migration = {
  version: 1,
  name: 'a table',
  statements: ['create table if not exists predictions (a integer)'],
}
const second: Migration = {
  version: 2,
  name: 'a column',
  statements: ['alter table predictions add column b integer'],
}
const applied = async () =>
  (await sql.query('select version, name, applied_at from tickerwatch_migrations order by version')).rows

test('each is applied once, in order, by whoever comes first', async () => {
  expect(await migrate(sql, [first], 0)).toBe(1)
  await Promise.all([1, 2, 3].map(now => migrate(sql, [first, second], now * 1_000)))
  await sql.query('insert into predictions (a, b) values (1, 2)')
  expect(await applied()).toEqual([
    { version: 1, name: 'a table', applied_at: new Date(0) },
    { version: 2, name: 'a column', applied_at: new Date(1_000) },
  ])
})

test('tables of before there were versions are taken over', async () => {
  await sql.query('create table predictions (a integer)')
  await sql.query('insert into predictions values (7)')
  expect(await migrate(sql, [first, second], 0)).toBe(2)
  expect((await sql.query('select a, b from predictions')).rows).toEqual([{ a: 7, b: null }])
})

test('an older program leaves newer tables alone, and learns of them', async () => {
  await migrate(sql, [first, second], 0)
  expect(await migrate(sql, [first], 0)).toBe(2)
})

test('one that fails leaves nothing half done', async () => {
  const broken: Migration = {
    version: 2,
    name: 'broken',
    statements: ['create table half (a integer)', 'creat'],
  }
  await expect(migrate(sql, [first, broken], 0)).rejects.toMatchObject({ code: 'SQL_FAILED' })
  await expect(sql.query('select 1 from half')).rejects.toMatchObject({ code: 'SQL_FAILED' })
  await expect(sql.query('select 1 from predictions')).rejects.toMatchObject({ code: 'SQL_FAILED' })
  expect(await migrate(sql, [first, second], 0)).toBe(2)
})

test('where nothing is missing, no right to make tables is needed', async () => {
  await migrate(sql, [first], 0)
  const asked: string[] = []
  const refusing: Sql = {
    ...sql,
    query: text => {
      asked.push(text)
      return sql.query(text)
    },
    transaction: () => Promise.reject(new Error('permission denied')),
  }
  expect(await migrate(refusing, [first], 0)).toBe(1)
  expect(asked).toHaveLength(1)
})
