/** What a connection to Redshift needs beside SQL: trust, and logins that end. The server is PostgreSQL's, with TLS. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { openPostgres } from './postgres.ts'
import { openRedshift } from './redshift.ts'
import { type Certificates, certificates } from './testing/certificates.ts'
import { type PostgresServer, postgresServer, postgresUnavailable } from './testing/postgres-server.ts'
import { type RedshiftApi, redshiftApi } from './testing/redshift-api.ts'

const reason = postgresUnavailable()

describe.skipIf(reason !== undefined)(
  `Redshift's connections${reason === undefined ? '' : `: ${reason}`}`,
  () => {
    let directory: string
    let own: Certificates
    let others: Certificates
    let server: PostgresServer

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'tickerwatch-certificates-'))
      for (const name of ['own', 'others']) await mkdir(join(directory, name))
      own = certificates(join(directory, 'own'))
      others = certificates(join(directory, 'others'))
      server = await postgresServer(own)
    })
    afterAll(async () => {
      await server?.remove()
      await rm(directory, { recursive: true, force: true })
    })
    afterEach(() => {
      vi.unstubAllEnvs()
    })

    const address = (host: string, authority?: string): string =>
      `redshift://watch:open%20sesame@${host}:${server.port}/postgres${authority === undefined ? '' : `?sslrootcert=${authority}`}`

    test('who proves to be the host that was named is trusted', async () => {
      const sql = await openRedshift(`${address('localhost', own.authority)}&iam_role=arn:aws:iam::1:role/r`)
      expect((await sql.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')).rows).toEqual([
        { ssl: true },
      ])
      expect(sql).toMatchObject({
        description: `redshift localhost:${server.port}/postgres`,
        role: 'arn:aws:iam::1:role/r',
      })
      await sql.close()
    })

    test.each([
      ['another authority', 'localhost', () => others.authority, /self-signed|unable to|signature/],
      ['the authorities of Node', 'localhost', () => undefined, /self-signed|unable to/],
      ['another host', '127.0.0.1', () => own.authority, /127\.0\.0\.1 is not in the cert/],
    ])('a certificate of %s is refused, and says what to do', async (_, host, authority, message) => {
      const redshift = address(host, authority())
      const postgres = `${redshift.replace('redshift:', 'postgres:')}${redshift.includes('?') ? '&' : '?'}sslmode=verify-full`
      for (const open of [() => openRedshift(redshift), () => openPostgres(postgres)]) {
        const error: unknown = await open().catch((failure: unknown) => failure)
        expect(error).toMatchObject({
          code: 'SQL_UNTRUSTED',
          message: expect.stringMatching(message),
          remedy: expect.stringContaining('sslrootcert'),
        })
        expect(String(error)).not.toContain('sesame')
      }
    })

    test('without TLS only where the address says so', async () => {
      const sql = await openRedshift(`${address('localhost')}?sslmode=disable`)
      expect((await sql.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')).rows).toEqual([
        { ssl: false },
      ])
      await sql.close()
    })

    describe('temporary logins', () => {
      let api: RedshiftApi
      let now = 1_790_000_000_000
      let given = 0

      beforeAll(async () => {
        const admin = await openPostgres(server.url)
        await admin.query('create role "IAM:watch" login')
        // Each login makes the one before it worthless.
        api = await redshiftApi(async () => {
          const password = `secret-${++given}`
          await admin.query(`alter role "IAM:watch" password '${password}'`)
          return { user: 'IAM:watch', password, expires: now + 900_000 }
        })
        const { close } = api
        api = { ...api, close: () => close().then(() => admin.close()) }
      })
      afterAll(() => api?.close())

      const open = (user: string, parameters: string) => {
        for (const [name, value] of Object.entries(api.environment)) vi.stubEnv(name, value)
        return openRedshift(
          `redshift://${user}localhost:${server.port}/postgres?sslrootcert=${own.authority}&${parameters}`,
          { timers: { now: () => now } },
        )
      }
      /** Two connections at once, of which one is new. */
      const another = (sql: Awaited<ReturnType<typeof open>>) =>
        sql.transaction(async () => (await sql.query('select current_user as who')).rows)

      test.each([
        ['', 'cluster=c', 'Action=GetClusterCredentialsWithIAM', 'ClusterIdentifier=c'],
        ['watch@', 'cluster=c', 'Action=GetClusterCredentials&', 'DbUser=watch'],
        ['', 'workgroup=w&region=us-east-1', 'RedshiftServerless.GetCredentials', '"workgroupName":"w"'],
      ])(
        '%s %s: asked for once, used until they end, renewed before',
        async (user, parameters, action, what) => {
          const before = given
          const sql = await open(user, parameters)
          expect(given).toBe(before + 1)
          expect(api.requests.at(-1)).toContain(action)
          expect(api.requests.at(-1)).toContain(what)
          expect(await another(sql)).toEqual([{ who: 'IAM:watch' }])
          expect(given).toBe(before + 1)
          now += 800_000
          const [one] = await Promise.all([another(sql), another(sql)])
          expect(one).toEqual([{ who: 'IAM:watch' }])
          expect(given).toBe(before + 2)
          await sql.close()
        },
      )

      test('who may not log in is told so, and no password', async () => {
        const sql = await open('', 'cluster=c')
        api.deny()
        now += 800_000
        const error: unknown = await sql.query('select 1').catch((failure: unknown) => failure)
        expect(error).toMatchObject({
          code: 'AWS_ACCESS_DENIED',
          message: expect.stringMatching(/^asking for a login to redshift localhost:\d+\/postgres failed: /),
        })
        expect(String(error)).not.toMatch(/secret-\d/)
        await sql.close()
      })
    })
  },
)
