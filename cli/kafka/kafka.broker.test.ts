/** Commands on a Kafka that wants TLS and SASL, as Amazon MSK does. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Scratch, scratch } from '../../test/node-process.ts'
import { tickerwatch } from '../../test/tickerwatch.ts'
import { brokerUnavailable } from '../../topology/log/kafka/broker/distribution.ts'
import { type KeyStore, makeKeyStore } from '../../topology/log/kafka/broker/key-store.ts'
import {
  startTemporaryBroker,
  type TemporaryBroker,
} from '../../topology/log/kafka/broker/temporary-broker.ts'

const reason = brokerUnavailable()
const PASSWORD = 'right-password'
/** Milliseconds: shorter than a run. */
const SESSION = 14_000

describe.skipIf(reason !== undefined)(`on Kafka with TLS and SASL ${reason ?? ''}`, () => {
  let directory: string
  let own: Scratch
  let keys: KeyStore
  let broker: TemporaryBroker
  let brokers: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tickerwatch-secure-'))
    own = await scratch()
    keys = makeKeyStore(directory, 'broker')
    broker = await startTemporaryBroker({
      keyStore: keys.file,
      keyStorePassword: keys.password,
      users: { activity: PASSWORD, stranger: PASSWORD },
      session: SESSION,
    })
    brokers = broker.secureBrokers ?? ''
    await writeFile(join(directory, 'password'), `${PASSWORD}\n`, { mode: 0o600 })
    await writeFile(join(directory, 'wrong'), 'wrong-password\n')
    vi.stubEnv('TICKERWATCH_KAFKA_PASSWORD_FILE', join(directory, 'password'))
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await broker?.stop()
    await own?.remove()
    await rm(directory, { recursive: true })
  })

  function secure({ user = 'activity', sasl = 'scram-sha-512', ca = keys.certificate } = {}): string[] {
    return ['--brokers', brokers, '--kafka-ca', ca, '--kafka-sasl', sasl, '--kafka-user', user]
  }

  async function refused(...words: string[]): Promise<string[]> {
    const { code, stderr, stdout } = await tickerwatch(...words)
    expect([code, stdout]).toEqual([1, []])
    expect(`${stderr}`).not.toMatch(/right-password|wrong-password/)
    return [...stderr]
  }

  test('a node with threads works exactly once, and the other commands see what it did', async () => {
    const { report, stderr } = await own.run(
      'node',
      ...[...secure(), '--devices', '8', '--for', '20s', '--threads', '2'],
    )
    expect(report).toMatchObject({ finalLag: 0, deadLettered: 0 })
    expect(report.predictions).toBeGreaterThan(0)
    expect(report.predictions).toBe(report.windows)
    expect(`${stderr}`).not.toContain(PASSWORD)

    const json = async (...words: string[]) => {
      const { code, stdout, stderr } = await tickerwatch(...words, ...secure(), '--json')
      expect(code, `${words} ${stderr}`).toBe(0)
      return JSON.parse(stdout.join(''))
    }
    expect(await json('replay')).toMatchObject({
      predictions: report.predictions,
      identical: report.predictions,
      missing: 0,
      added: 0,
    })
    const topics = await json('topics')
    expect(topics.map(({ topic }: { topic: string }) => topic)).toContain('ticker-watch-data')
    expect(await json('models', 'list')).toMatchObject({ inForce: { name: 'watch' } })
    expect(await json('dead-letters', 'list')).toMatchObject({ counts: [] })
    expect(await json('reset')).toMatchObject({ executed: false })
  })

  test('the doctor says which rights are missing', async () => {
    const doctor = async (user: string) => {
      const words = ['--state', own.path('doctor'), '--json']
      const { code, stdout, stderr } = await tickerwatch('doctor', ...secure({ user }), ...words)
      expect(`${stdout} ${stderr}`).not.toContain(PASSWORD)
      return { code, findings: JSON.parse(stdout.join('\n')) }
    }
    expect(await doctor('activity')).toMatchObject({ code: 0 })
    const { code, findings } = await doctor('stranger')
    expect(code).toBe(1)
    expect(findings).toContainEqual({
      check: 'authorisation',
      outcome: 'problem',
      said: expect.stringMatching(/^may not read and write .*ticker-watch-data/),
      remedy: expect.stringContaining('kafka-acls'),
    })
    expect(findings).toContainEqual(expect.objectContaining({ check: 'topics', outcome: 'skipped' }))
  })

  test('a wrong password is said in one line, with what to do', async () => {
    vi.stubEnv('TICKERWATCH_KAFKA_PASSWORD_FILE', join(directory, 'wrong'))
    for (const command of ['topics', 'run']) {
      const [what, remedy, ...more] = await refused(command, ...secure())
      expect(what).toMatch(/^LOG_UNAUTHENTICATED: .*SCRAM-SHA-512/)
      expect(remedy).toMatch(/TICKERWATCH_KAFKA_PASSWORD/)
      expect(more).toEqual([])
    }
    vi.stubEnv('TICKERWATCH_KAFKA_PASSWORD_FILE', join(directory, 'password'))
  })

  test('so is a broker whose certificate nobody trusts', async () => {
    const { certificate } = makeKeyStore(directory, 'somebody-else')
    const [what, remedy, ...more] = await refused('topics', ...secure({ ca: certificate }))
    expect(what).toMatch(/^LOG_UNTRUSTED: .*self-signed certificate/)
    expect(remedy).toMatch(/--kafka-ca/)
    expect(more).toEqual([])
  })

  test('so are a missing right, and TLS forgotten', async () => {
    const [forbidden] = await refused('run', ...secure({ user: 'stranger' }), '--port', '0')
    expect(forbidden).toMatch(/^LOG_FORBIDDEN: .*AUTHORIZATION_FAILED/)
    const [unreachable, remedy] = await refused('topics', '--brokers', brokers)
    expect(unreachable).toMatch(/^LOG_UNREACHABLE/)
    expect(remedy).toMatch(/--kafka-tls/)
  })

  test('IAM sends its token over OAUTHBEARER, which a Kafka that is not MSK refuses', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', PASSWORD)
    const iam = ['--kafka-sasl', 'aws-msk-iam', '--kafka-region', 'eu-central-1']
    const [what] = await refused('topics', '--brokers', brokers, '--kafka-ca', keys.certificate, ...iam)
    expect(what).toMatch(/^LOG_UNAUTHENTICATED: .*OAUTHBEARER/)
  })
})
