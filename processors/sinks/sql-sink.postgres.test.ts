import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { fileStore } from '../../lake/file-store.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { Prediction } from '../../schemas/index.ts'
import type { Log } from '../../topology/index.ts'
import { postgresDialect, type SqlDialect } from './dialect.ts'
import { openPostgres } from './postgres.ts'
import type { Sql } from './sql.ts'
import { type SqlSink, startSqlSink } from './sql-sink.ts'
import { type Cut, cuttingProxy } from './testing/cutting-proxy.ts'
import { type PostgresServer, postgresServer, postgresUnavailable } from './testing/postgres-server.ts'
import { dropTables, expectedRows, logWithTopic, produce, topic, writtenRows } from './testing/predictions.ts'
import { redshiftOnPostgres } from './testing/redshift-on-postgres.ts'

const reason = postgresUnavailable()

/** As in Redshift, which does not enforce keys: the sink itself must never write a record twice. */
const withoutKey: SqlDialect = {
  ...postgresDialect,
  migrations: postgresDialect.migrations.map(migration => ({
    ...migration,
    statements: migration.statements.map(statement => statement.replace(/,\s*primary key \(.*\)/, '')),
  })),
}
/** One that would wait for a minute's rows makes a slow test. */
const hasty = (dialect: SqlDialect): SqlDialect => ({ ...dialect, batch: { rows: 1_000, age: 200 } })

/** The sink's own statements, and Redshift's. */
const kinds: Record<string, (url: string, store: ObjectStore) => Promise<Sql>> = {
  PostgreSQL: async url => ({ ...(await openPostgres(url)), dialect: hasty(withoutKey) }),
  'Redshift on PostgreSQL': async (url, store) => {
    const sql = await redshiftOnPostgres(url, store)
    return { ...sql, dialect: hasty(sql.dialect) }
  },
}

describe.skipIf(reason !== undefined).each(Object.entries(kinds))(
  `%s${reason === undefined ? '' : `: ${reason}`}`,
  (kind, openKind) => {
    let server: PostgresServer
    let directory: string
    let store: ObjectStore
    let sql: Sql
    const open = (url: string): Promise<Sql> => openKind(url, store)

    beforeAll(async () => {
      server = await postgresServer()
      directory = await mkdtemp(join(tmpdir(), 'tickerwatch-staging-'))
      store = fileStore(directory)
      sql = await open(server.url)
    })
    afterAll(async () => {
      await sql?.close()
      await server?.remove()
      await rm(directory, { recursive: true, force: true })
    })
    beforeEach(() => dropTables(sql))
    afterEach(async () => {
      const staged: string[] = []
      for await (const { key } of store.list()) staged.push(key)
      expect(staged).toEqual([])
    })

    let decoded = 0
    let sinks = 0
    function start(log: Log, to: Sql, group = 'sink'): SqlSink {
      return startSqlSink({
        log,
        sql: to,
        topic,
        group,
        clientId: `sink-${++sinks}`,
        decode: value => {
          decoded++
          return Prediction.decode(value)
        },
        onDeadLetter: () => Promise.reject(new Error('there is none')),
        logger: { info: () => {}, warn: () => {} },
      })
    }

    if (kind === 'PostgreSQL')
      test('keeps the port: types, transactions, errors', async () => {
        await sql.query('create table t (id bigint primary key, at timestamptz, name text)')
        expect(
          (
            await sql.query('insert into t values ($1, $2, $3), (2, null, null)', [
              1,
              '2020-01-01T00:00:00.000Z',
              'a',
            ])
          ).affected,
        ).toBe(2)
        expect(
          (await sql.query('select id, at, name, (select count(*) from t) as n from t order by id')).rows,
        ).toEqual([
          { id: 1, at: new Date('2020-01-01T00:00:00Z'), name: 'a', n: 2 },
          { id: 2, at: null, name: null, n: 2 },
        ])
        const failing = sql.transaction(async session => {
          await session.query('delete from t')
          await session.query('insert into missing values (1)')
        })
        await expect(failing).rejects.toMatchObject({
          code: 'SQL_FAILED',
          message: expect.stringContaining('42P01'),
        })
        expect((await sql.query('select count(*) as n from t')).rows).toEqual([{ n: 2 }])
      })

    if (kind === 'PostgreSQL')
      test('who is turned away is told so, without the password', async () => {
        const refused = async (url: string, code: string): Promise<void> => {
          const error: unknown = await openPostgres(url).catch((failure: unknown) => failure)
          expect(error).toMatchObject({ code })
          const { message } = error as Error
          expect(message).toContain(`127.0.0.1:${server.port}`)
          expect(message).not.toMatch(/sesame|guess|\n/)
        }
        await refused(server.url.replace('open%20sesame', 'guess'), 'SQL_REFUSED')
        await refused(server.url.replace('/postgres', '/nowhere'), 'SQL_REFUSED')
        await refused(`${server.url}?sslmode=verify-full`, 'SQL_UNREACHABLE')
      })

    test('sinks that race for the same partitions write each record once', async () => {
      const log = await logWithTopic(4)
      const others = await Promise.all([open(server.url), open(server.url)])
      const sinks = [start(log, sql, 'a'), ...others.map((other, i) => start(log, other, `b${i}`))]
      await produce(log, 0, 20_000, 4)
      await Promise.all(sinks.map(sink => sink.drained()))
      expect(await writtenRows(sql)).toEqual(await expectedRows(log))
      // One of them made the tables.
      expect((await sql.query('select version from tickerwatch_migrations')).rows).toEqual([{ version: 1 }])
      const rows = sinks.map(sink => sink.status().rows)
      await Promise.all(sinks.map(sink => sink.close()))
      await Promise.all(others.map(other => other.close()))
      expect(rows.reduce((sum, count) => sum + count, 0)).toBe((await expectedRows(log)).length)
    })

    test('connections cut anywhere, also around the commit, lose and double nothing', async () => {
      const log = await logWithTopic(3)
      const proxy = await cuttingProxy(server.port)
      const remote = await open(server.url.replace(`:${server.port}`, `:${proxy.port}`))
      const sink = start(log, remote)
      // A batch of rows is about 100 KB on the wire: these fall into every phase of a transaction, and between two.
      const random = Array.from({ length: 8 }, (_, i) => 1 + ((i * 7_919) % 60_000))
      const cuts: Cut[] = random.flatMap(bytes => ['after commit', bytes, 'before commit'] as const)
      let sent = 0
      for (const cut of cuts) {
        const happened = proxy.cut(cut)
        await produce(log, sent, sent + 600, 3)
        sent += 600
        await happened
        // A write that succeeds in between ends the back-off.
        await sink.drained()
      }
      expect(await writtenRows(sql)).toEqual(await expectedRows(log))
      await sink.close()
      await remote.close()
      await proxy.close()
    })

    test('a server that is killed and comes back finds the sink waiting', async () => {
      const log = await logWithTopic(2)
      const sink = start(log, sql)
      await produce(log, 0, 3_000, 2)
      await vi.waitFor(() => expect(sink.status().rows).toBeGreaterThan(0), { timeout: 20_000 })
      await server.kill()
      await produce(log, 3_000, 6_000, 2)
      await vi.waitFor(() => expect(sink.status().paused?.attempts).toBeGreaterThan(2), { timeout: 20_000 })
      // Nothing is taken meanwhile, and so nothing piles up.
      const [taken, attempts] = [decoded, sink.status().paused?.attempts ?? 0]
      await vi.waitFor(() => expect(sink.status().paused?.attempts).toBeGreaterThan(attempts + 1), {
        timeout: 20_000,
      })
      expect(decoded).toBe(taken)
      expect(sink.status().delay).toBeGreaterThan(0)
      expect(sink.status().paused?.reason).toMatch(/^cannot reach postgres 127\.0\.0\.1:\d+\/postgres: /)
      await server.start()
      await sink.drained()
      await vi.waitFor(() => expect(sink.status().paused).toBeUndefined(), { timeout: 20_000 })
      expect(await writtenRows(sql)).toEqual(await expectedRows(log))
      await sink.close()
    })
  },
)
