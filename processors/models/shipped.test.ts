import { expect, test } from 'vitest'
import { featureSchema } from '../features/schema.ts'
import { type Classifier, loadClassifier, type Score } from './classifier.ts'
import { releaseKey, type UnpublishedRelease } from './release.ts'
import { shippedReleases } from './shipped.ts'
import { generator } from './testing/onnx.ts'

const watch = await shippedReleases('watch')
const shipped = [...watch, ...(await shippedReleases('pocket'))]

async function load(release: UnpublishedRelease): Promise<Classifier> {
  return await loadClassifier(
    { ...release, status: 'candidate', publishedAt: 0, reason: null },
    featureSchema,
  )
}

test.each(shipped.map(release => [releaseKey(release), release] as const))(
  '%s serves, and scores the same bits in every batch',
  async (_name, release) => {
    const classifier = await load(release)
    const random = generator(7)
    // As spread as features are; what they mean does not matter here.
    const vectors = Array.from({ length: 128 }, () =>
      Float32Array.from(featureSchema.features, () => (random() - 0.5) * 10 ** Math.floor(random() * 4)),
    )
    const alone: Score[] = []
    for (const vector of vectors) alone.push(...(await classifier.score([vector])))
    for (const size of [7, 64]) {
      const batched: Score[] = []
      for (let at = 0; at < vectors.length; at += size)
        batched.push(...(await classifier.score(vectors.slice(at, at + size))))
      expect(batched).toEqual(alone)
    }
    expect(new Set(alone.map(({ label }) => label)).size).toBeGreaterThan(1)
    await classifier.close()
  },
)

test('two releases of watch are shipped, and the second is better on people it has not seen', () => {
  expect(watch.map(({ version }) => version)).toHaveLength(2)
  const [first, second] = watch.map(({ metrics }) => metrics)
  expect(second!.macroF1).toBeGreaterThan(first!.macroF1!)
  expect(second!.accuracy).toBeGreaterThan(first!.accuracy!)
})

test('a shipped model is small enough to be scored in the thread of its task', () => {
  for (const { size } of shipped) expect(size).toBeLessThanOrEqual(1_000_000)
})

test('no release of another name', async () => {
  await expect(shippedReleases('teapot')).rejects.toThrow(
    expect.objectContaining({ code: 'MODEL_NOT_SHIPPED' }),
  )
})
