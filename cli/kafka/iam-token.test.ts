import { beforeEach, expect, test } from 'vitest'
import { type IamTokenOptions, iamToken } from './iam-token.ts'

const start = Date.UTC(2026, 10, 26, 10)
const forGood = { accessKeyId: 'AKIATEST', secretAccessKey: 'secret-of-the-test' }
const forAWhile = {
  ...forGood,
  accessKeyId: 'ASIATEST',
  sessionToken: 'session/token+of=the test',
  expiration: new Date(start + 600_789),
}

let now: number
beforeEach(() => {
  now = start
})

async function signed(credentials: IamTokenOptions['credentials'], region = 'eu-central-1'): Promise<URL> {
  const token = iamToken({ region, now: () => now, credentials })
  return new URL(Buffer.from(await token(), 'base64url').toString())
}

test('a token is the address of Connect, signed as aws-msk-iam-sasl-signer-js 1.0.3 signs it', async () => {
  const { protocol, hostname, searchParams } = await signed(async () => forGood)
  expect([protocol, hostname]).toEqual(['https:', 'kafka.eu-central-1.amazonaws.com'])
  expect(Object.fromEntries(searchParams)).toEqual({
    Action: 'kafka-cluster:Connect',
    'User-Agent': 'tickerwatch',
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': 'AKIATEST/20261126/eu-central-1/kafka-cluster/aws4_request',
    'X-Amz-Date': '20261126T100000Z',
    'X-Amz-Expires': '900',
    'X-Amz-Signature': 'fb42897f69735130e6860463ff11fdac6271415b8fee60a350c5711e1a345775',
    'X-Amz-SignedHeaders': 'host',
  })
})

test('with credentials that end before, it ends with them, in whole seconds', async () => {
  const { searchParams } = await signed(async () => forAWhile)
  expect(Object.fromEntries(searchParams)).toMatchObject({
    'X-Amz-Expires': '600',
    'X-Amz-Security-Token': 'session/token+of=the test',
    'X-Amz-Signature': '9ca7d466d8f1b911caee5a814ac432e88aa9511746202282904eb1ad2763f24f',
  })
})

test('each is signed anew, with the credentials of that time', async () => {
  let credentials = forGood
  const token = iamToken({ region: 'eu-central-1', now: () => now, credentials: async () => credentials })
  const first = await token()
  now += 890_000
  credentials = { ...forGood, accessKeyId: 'AKIANEXT' }
  const { searchParams } = new URL(Buffer.from(await token(), 'base64url').toString())
  expect(await token()).not.toBe(first)
  expect(searchParams.get('X-Amz-Date')).toBe('20261126T101450Z')
  expect(searchParams.get('X-Amz-Credential')).toMatch(/^AKIANEXT/)
})

test('in China the brokers are asked under another name', async () => {
  expect((await signed(async () => forGood, 'cn-north-1')).hostname).toBe('kafka.cn-north-1.amazonaws.com.cn')
})

test('without credentials it says so in the words of AWS’s other clients', async () => {
  const none = async () => {
    throw Object.assign(new Error('Could not load credentials from any providers'), {
      name: 'CredentialsProviderError',
    })
  }
  await expect(signed(none)).rejects.toMatchObject({ code: 'AWS_CREDENTIALS_MISSING' })
  const ended = async () => ({ ...forAWhile, expiration: new Date(start - 1) })
  await expect(signed(ended)).rejects.toMatchObject({ code: 'AWS_CREDENTIALS_EXPIRED' })
})
