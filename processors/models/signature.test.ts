import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { ModelRelease } from '../../schemas/index.ts'
import type { ApplicationErrorCode } from '../errors.ts'
import type { UnpublishedRelease } from './release.ts'
import { shippedDigests, shippedReleases } from './shipped.ts'
import {
  canonicalForm,
  newKeyPair,
  readPrivateKey,
  readPublicKeys,
  releaseDigest,
  signRelease,
  trustOf,
} from './signature.ts'
import { ANYONE, release } from './testing/releases.ts'

let unsigned: UnpublishedRelease
let privateKey: KeyObject
let keys: KeyObject[]
const shipped: ReadonlySet<string> = new Set()

beforeAll(async () => {
  unsigned = await release('1.2.3')
  const pair = newKeyPair()
  privateKey = createPrivateKey(pair.privateKey)
  keys = [createPublicKey(newKeyPair().publicKey), createPublicKey(pair.publicKey)]
})

function raised(code: ApplicationErrorCode): object {
  return expect.objectContaining({ code })
}

const signed = (changes: Partial<UnpublishedRelease> = {}): UnpublishedRelease => ({
  ...unsigned,
  signature: signRelease(unsigned, privateKey),
  ...changes,
})

describe('the canonical form', () => {
  test('is the line and the JSON that the documentation says', () => {
    const small = {
      ...unsigned,
      labels: ['sit', 'wälk'],
      temperature: 1.5,
      metrics: { macroF1: 0.75, accuracy: 1e-7 },
      lineage: { seed: '1', data: '"' },
      sha256: '00',
      size: 7,
      probeFeatures: [0.1],
      probeProbabilities: [1],
    }
    expect(canonicalForm(small).toString('utf8')).toBe(
      'tickerwatch release 1\n' +
        '{"featureSchemaHash":"0123456789abcdef","labels":["sit","wälk"],"lineage":{"data":"\\"","seed":"1"},' +
        '"metrics":{"accuracy":1e-7,"macroF1":0.75},"minimumConfidence":0.5,"minimumMargin":0.1,"name":"watch",' +
        '"probeFeatures":[0.10000000149011612],"probeProbabilities":[1],"sha256":"00","size":7,"temperature":1.5,' +
        '"version":"1.2.3"}',
    )
  })

  test('is the same after the way through the topic, whatever publishing adds', () => {
    const event: ModelRelease = {
      ...unsigned,
      location: 'file:///elsewhere',
      status: 'promoted',
      publishedAt: 7,
      reason: 'because',
    }
    expect(canonicalForm(ModelRelease.decode(ModelRelease.encode(event)))).toEqual(canonicalForm(unsigned))
  })
})

describe('trust', () => {
  test('is given to what one of the keys has signed', () => {
    expect(trustOf(signed(), { keys, shipped })).toBe('signed')
  })

  test.each<[string, Partial<UnpublishedRelease>]>([
    ['name', { name: 'pocket' }],
    ['version', { version: '1.2.4' }],
    ['labels in another order', { labels: ['stand', 'sit', 'walk', 'run'] }],
    ['temperature', { temperature: 1.6 }],
    ['confidence', { minimumConfidence: 0.4 }],
    ['margin', { minimumMargin: 0.2 }],
    ['metrics', { metrics: { accuracy: 0.9 } }],
    ['lineage', { lineage: { data: 'other' } }],
    ['sha256 of the model', { sha256: '0'.repeat(64) }],
    ['size', { size: 1 }],
    ['features', { featureSchemaHash: 'f'.repeat(16) }],
    ['probe', { probeFeatures: [] }],
    ['expected answer', { probeProbabilities: [] }],
  ])('is refused where the %s was changed after signing', (_what, changes) => {
    expect(() => trustOf(signed(changes), { keys, shipped })).toThrow(raised('MODEL_SIGNATURE_WRONG'))
  })

  test('is refused without a signature, with one of another key, and with one that is none', () => {
    const foreign = createPrivateKey(newKeyPair().privateKey)
    expect(() => trustOf(unsigned, { keys, shipped })).toThrow(raised('MODEL_UNSIGNED'))
    for (const signature of [signRelease(unsigned, foreign), Buffer.alloc(64), Buffer.alloc(3)])
      expect(() => trustOf(signed({ signature }), { keys, shipped })).toThrow(raised('MODEL_SIGNATURE_WRONG'))
  })

  test('without a key everything is taken, and nothing called signed', () => {
    expect(trustOf(unsigned, ANYONE)).toBe('unverified')
    expect(trustOf(signed(), ANYONE)).toBe('unverified')
  })

  test('what comes with the package is trusted as it is, and not as anything else', async () => {
    const [own] = await shippedReleases('watch')
    const digests = await shippedDigests()
    expect(trustOf(own!, { keys, shipped: digests })).toBe('shipped')
    expect(digests.has(releaseDigest({ ...own!, minimumConfidence: 0 }))).toBe(false)
    expect(() => trustOf({ ...own!, minimumConfidence: 0 }, { keys, shipped: digests })).toThrow(
      raised('MODEL_UNSIGNED'),
    )
  })
})

test('keys are read from PEM; others are refused without a word of what they hold', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'keys-'))
  try {
    const file = async (name: string, text: string): Promise<string> => {
      await writeFile(join(directory, name), text)
      return join(directory, name)
    }
    const pair = newKeyPair()
    const secret = await file('key', pair.privateKey)
    const open = await file('key.pub', pair.publicKey)
    const [key] = await readPublicKeys([open])
    const signature = signRelease(unsigned, await readPrivateKey(secret))
    expect(trustOf({ ...unsigned, signature }, { keys: [key!], shipped })).toBe('signed')

    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
    const wrong = [
      secret,
      await file('rsa.pub', rsa.export({ type: 'spki', format: 'pem' }).toString()),
      await file('text', 'secret text'),
      join(directory, 'absent'),
    ]
    for (const path of wrong) {
      const error = await readPublicKeys([path]).catch(reason => reason)
      expect(error).toEqual(raised('MODEL_KEY_INVALID'))
      expect(error.message).not.toMatch(/secret text|BEGIN/)
    }
    await expect(readPrivateKey(open)).rejects.toThrow(raised('MODEL_KEY_INVALID'))
  } finally {
    await rm(directory, { recursive: true })
  }
})
