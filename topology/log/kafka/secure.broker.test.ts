/** A Kafka that wants TLS and SASL: the log's contract holds on it, sessions are renewed, and refusals are told apart. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SASLOptions } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { logContract } from '../contract.ts'
import { brokerUnavailable } from './broker/distribution.ts'
import { makeKeyStore } from './broker/key-store.ts'
import { startTemporaryBroker, type TemporaryBroker } from './broker/temporary-broker.ts'
import { Cluster } from './cluster.ts'
import { kafkaLog } from './kafka-log.ts'

const reason = brokerUnavailable()
const PASSWORD = 'right-password'
/** Milliseconds; the client says again who it is 10 s before a session ends. */
const SESSION = 14_000

describe.skipIf(reason !== undefined)(`kafka with TLS and SASL ${reason ?? ''}`, () => {
  let directory: string
  let broker: TemporaryBroker
  let ca: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tickerwatch-secure-'))
    const { file, password, certificate } = makeKeyStore(directory, 'broker')
    ca = await readFile(certificate, 'utf8')
    broker = await startTemporaryBroker({
      keyStore: file,
      keyStorePassword: password,
      users: { activity: PASSWORD, stranger: PASSWORD },
      session: SESSION,
    })
  })
  afterAll(async () => {
    await broker?.stop()
    await rm(directory, { recursive: true })
  })

  const scram = { mechanism: 'scram-sha-512', username: 'activity', password: PASSWORD } as const
  const open = (sasl: SASLOptions, ssl: { ca?: string } = { ca }) =>
    kafkaLog({ brokers: [broker.secureBrokers ?? ''], clientId: 'secure', ssl, sasl })
  const oauth = (token: () => string): SASLOptions => ({
    mechanism: 'oauthbearer',
    oauthBearerProvider: async () => ({ value: token() }),
  })

  describe('by scram-sha-512', () => {
    logContract('kafka', async () => {
      const log = await open(scram)
      return { log, close: () => log.close() }
    })
  })

  let tokens = 0
  /** That nobody has signed: what Kafka's own validator for development takes. */
  function token(): string {
    tokens++
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const now = Math.floor(Date.now() / 1000)
    return `${part({ alg: 'none' })}.${part({ sub: 'activity', iat: now, exp: now + SESSION / 1000 })}.`
  }

  test.each([scram, oauth(token)])(
    'a session by $mechanism is renewed before it is over, on the same connection',
    async sasl => {
      const cluster = new Cluster({
        brokers: [broker.secureBrokers ?? ''],
        clientId: 'long',
        ssl: { ca },
        sasl,
      })
      try {
        await cluster.connect()
        const node = await cluster.controller()
        const end = Date.now() + 1.5 * SESSION
        while (Date.now() < end) {
          await node.describeGroups({ groupIds: ['nobody'] })
          await new Promise(resolve => setTimeout(resolve, 250))
        }
        expect(cluster.losses).toBe(0)
        if (sasl.mechanism === 'oauthbearer') expect(tokens).toBeGreaterThan(2)
      } finally {
        await cluster.close()
      }
    },
  )

  test('what refuses whom is told, and no secret', async () => {
    const another = await readFile(makeKeyStore(directory, 'another').certificate, 'utf8')
    const refusals = [
      [() => open({ ...scram, password: 'wrong-password' }), 'LOG_UNAUTHENTICATED', /SCRAM-SHA-512/],
      [() => open({ ...scram, username: 'nobody' }), 'LOG_UNAUTHENTICATED', /SCRAM-SHA-512/],
      [() => open({ ...scram, mechanism: 'plain' }), 'LOG_UNAUTHENTICATED', /UNSUPPORTED_SASL_MECHANISM/],
      [() => open(oauth(() => 'no-token')), 'LOG_UNAUTHENTICATED', /OAUTHBEARER.*invalid_token/],
      [() => open(scram, { ca: another }), 'LOG_UNTRUSTED', /self-signed certificate/],
      [() => open(scram, {}), 'LOG_UNTRUSTED', /self-signed certificate/],
    ] as const
    for (const [opened, code, message] of refusals) {
      const error: unknown = await opened().catch(error => error)
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
      expect(String(error)).not.toMatch(/-password|no-token/)
    }
  })

  test('who is known but may not do it is told what', async () => {
    const log = await open({ ...scram, username: 'stranger' })
    try {
      const made = log.admin.createTopics([{ topic: 'not-to-be', partitions: 1 }])
      await expect(made).rejects.toMatchObject({
        code: 'LOG_FORBIDDEN',
        message: expect.stringMatching(/AUTHORIZATION_FAILED/),
      })
    } finally {
      await log.close()
    }
  })
})
