import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { kafkaSecurity, type SecuritySettings, securityMistakes } from './security.ts'

const none: SecuritySettings = {
  kafkaTls: false,
  kafkaCa: undefined,
  kafkaSasl: undefined,
  kafkaUser: undefined,
  kafkaPassword: undefined,
  kafkaRegion: undefined,
}
const login: SecuritySettings = {
  ...none,
  kafkaSasl: 'scram-sha-512',
  kafkaUser: 'activity',
  kafkaPassword: 'a secret',
}

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tickerwatch-kafka-security-'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(directory, { recursive: true })
})

async function file(name: string, text: string): Promise<string> {
  const path = join(directory, name)
  await writeFile(path, text)
  return path
}

test('without settings there is none, and none of it is without TLS', async () => {
  expect(await kafkaSecurity(none)).toEqual({})
  expect(await kafkaSecurity({ ...none, kafkaTls: true })).toEqual({ ssl: true })
  expect(await kafkaSecurity(login)).toEqual({
    ssl: true,
    sasl: { mechanism: 'scram-sha-512', username: 'activity', password: 'a secret' },
  })
  const ca = `${rootCertificates[0]}\n`
  expect(await kafkaSecurity({ ...none, kafkaCa: await file('ca.pem', ca) })).toEqual({ ssl: { ca } })
})

test('IAM signs a token for each login', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-of-the-test')
  const { ssl, sasl } = await kafkaSecurity({
    ...none,
    kafkaSasl: 'aws-msk-iam',
    kafkaRegion: 'eu-central-1',
  })
  if (sasl?.mechanism !== 'oauthbearer') throw new Error('another mechanism')
  const { value } = await sasl.oauthBearerProvider()
  expect(ssl).toBe(true)
  expect(Buffer.from(value, 'base64url').toString()).toMatch(
    /^https:\/\/kafka\.eu-central-1\.amazonaws\.com\//,
  )
})

test('what is missing, or belongs to something else, is told at once', () => {
  expect(securityMistakes(none)).toEqual([])
  expect(securityMistakes(login)).toEqual([])
  expect(securityMistakes({ ...none, kafkaSasl: 'plain' })).toEqual([
    expect.stringContaining('needs --kafka-user'),
    expect.stringContaining('TICKERWATCH_KAFKA_PASSWORD_FILE'),
  ])
  expect(securityMistakes({ ...none, kafkaSasl: 'aws-msk-iam', kafkaUser: 'x' })).toEqual([
    expect.stringContaining('needs --kafka-region'),
    expect.stringContaining('--kafka-user belongs to'),
  ])
  expect(securityMistakes({ ...none, kafkaRegion: 'eu-central-1' })).toEqual([
    expect.stringContaining('--kafka-region belongs to'),
  ])
  // A password that the environment holds for other commands is no mistake.
  expect(securityMistakes({ ...none, kafkaPassword: 'a secret' })).toEqual([])
})

test('certificates that are missing, or none', async () => {
  const trusted = (kafkaCa: string) => kafkaSecurity({ ...none, kafkaCa })
  await expect(trusted(join(directory, 'none.pem'))).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
  await expect(trusted(await file('ca.pem', 'no certificate'))).rejects.toMatchObject({
    code: 'KAFKA_CA_INVALID',
    message: expect.stringContaining('ca.pem holds no certificate'),
  })
})
