import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { ModelRelease } from '../../schemas/index.ts'
import type { ApplicationErrorCode } from '../errors.ts'
import { loadClassifier, scoreOf } from './classifier.ts'
import { release, SCHEMA, vector } from './testing/releases.ts'

async function published(...args: Parameters<typeof release>): Promise<ModelRelease> {
  return { ...(await release(...args)), status: 'candidate', publishedAt: 0, reason: null }
}

function raised(code: ApplicationErrorCode, text = ''): object {
  return expect.objectContaining({ code, message: expect.stringContaining(text) })
}

const vectors = Array.from({ length: 150 }, (_, i) => vector(1000 + i))

describe('score', () => {
  test('the same bits alone and in batches of 7, 64 and more', async () => {
    const classifier = await loadClassifier(await published('1.0.0', { shape: { trees: 400 } }), SCHEMA)
    const alone = []
    for (const one of vectors) alone.push(...(await classifier.score([one])))
    for (const size of [7, 64, 150]) {
      const batched = []
      for (let at = 0; at < vectors.length; at += size)
        batched.push(...(await classifier.score(vectors.slice(at, at + size))))
      expect(batched).toEqual(alone)
    }
    expect(new Set(alone.map(score => score.label)).size).toBeGreaterThan(1)
    await classifier.close()
  })

  test('no windows, no scores', async () => {
    const classifier = await loadClassifier(await published('1.0.0'), SCHEMA)
    expect(await classifier.score([])).toEqual([])
    await classifier.close()
  })

  test('refuses a vector of another length', async () => {
    const classifier = await loadClassifier(await published('1.0.0'), SCHEMA)
    await expect(classifier.score([new Float32Array(3)])).rejects.toThrow(raised('MODEL_FEATURES_FOREIGN'))
    await classifier.close()
  })

  test('what is under way when the model is closed is finished, and no more begins', async () => {
    const classifier = await loadClassifier(await published('1.0.0'), SCHEMA)
    const expected = await classifier.score(vectors)
    const running = [classifier.score(vectors), classifier.score(vectors)]
    const closed = classifier.close()
    expect(await Promise.all(running)).toEqual([expected, expected])
    await closed
    await expect(classifier.score(vectors)).rejects.toThrow(raised('MODEL_CLOSED'))
    await classifier.close()
  })
})

describe('scoreOf', () => {
  const rules = { labels: ['a', 'b', 'c'], temperature: 1, minimumConfidence: 0.6, minimumMargin: 0.3 }

  test('temperature flattens: powers of 1/T, normalised', () => {
    const { probabilities, confidence, margin } = scoreOf([0.64, 0.36, 0], { ...rules, temperature: 2 })
    expect(probabilities).toEqual([0.8 / 1.4, 0.6 / 1.4, 0])
    expect(confidence).toBe(0.8 / 1.4)
    expect(margin).toBeCloseTo(0.2 / 1.4, 12)
  })

  test.each<[number[], string, string]>([
    [[0.7, 0.2, 0.1], 'a', 'sure'],
    [[0.1, 0.2, 0.7], 'c', 'sure'],
    [[0.55, 0.25, 0.2], 'a', 'unsure'],
    [[0.62, 0.38, 0], 'a', 'unsure'],
    [[0.4, 0.4, 0.2], 'a', 'unsure'],
  ])('%j is %s, %s', (raw, label, route) => {
    expect(scoreOf(raw, rules)).toMatchObject({ label, route })
  })

  test('an answer that is no distribution is an error', () => {
    expect(() => scoreOf([Number.NaN, 1, 0], rules)).toThrow(raised('MODEL_ANSWER_WRONG'))
    expect(() => scoreOf([0, 0, 0], rules)).toThrow(raised('MODEL_ANSWER_WRONG'))
  })
})

describe('a release is refused', () => {
  const names = (changes: object) => ({ shape: { names: changes } })
  const wrong: [string, Parameters<typeof release>[1], ApplicationErrorCode, string][] = [
    [
      'of other features',
      { featureSchemaHash: 'f'.repeat(16) },
      'MODEL_FEATURES_FOREIGN',
      'this node computes 0123456789abcdef',
    ],
    ['of another size', { size: 7 }, 'MODEL_DAMAGED', 'more than 7 bytes'],
    ['of another sha256', { sha256: '0'.repeat(64) }, 'MODEL_DAMAGED', 'sha256'],
    ['with another input', names({ input: 'x' }), 'MODEL_INTERFACE_WRONG', 'its inputs are x'],
    ['of another width', { shape: { width: 11 } }, 'MODEL_INTERFACE_WRONG', 'float32 [n, 11]'],
    [
      'without probabilities',
      names({ probabilities: 'p' }),
      'MODEL_INTERFACE_WRONG',
      'no output probabilities',
    ],
    ['without a label', names({ label: 'l' }), 'MODEL_INTERFACE_WRONG', 'no output label'],
    [
      'of more classes than labels',
      { shape: { classes: 5 } },
      'MODEL_INTERFACE_WRONG',
      'as there are 4 labels',
    ],
    ['with a probe too short', { probeFeatures: [1] }, 'MODEL_ANSWER_WRONG', 'its probe has 1 features'],
    [
      'that expects too few answers',
      { probeProbabilities: [1] },
      'MODEL_ANSWER_WRONG',
      'expects 1 probabilities',
    ],
    [
      'that expects another answer',
      { probeProbabilities: [0.97, 0.01, 0.01, 0.01] },
      'MODEL_ANSWER_WRONG',
      'instead of',
    ],
    [
      'that expects no number',
      { probeProbabilities: [Number.NaN, 0, 0, 0] },
      'MODEL_ANSWER_WRONG',
      'instead of NaN',
    ],
  ]

  test.each(wrong)('%s', async (_what, changes, code, text) => {
    await expect(loadClassifier(await published('1.0.0', changes), SCHEMA)).rejects.toThrow(
      raised(code, text),
    )
  })

  test('an answer 2e-4 off, but not one 5e-5 off', async () => {
    const right = await published('1.0.0')
    const moved = (by: number) => ({
      ...right,
      probeProbabilities: right.probeProbabilities.map(value => value + by),
    })
    await expect(loadClassifier(moved(2e-4), SCHEMA)).rejects.toThrow(raised('MODEL_ANSWER_WRONG'))
    await (await loadClassifier(moved(5e-5), SCHEMA)).close()
  })

  test('without a model, with one too large, with one that is none', async () => {
    const right = await published('1.0.0')
    const of = (onnx: Buffer | null) => loadClassifier({ ...right, onnx }, SCHEMA)
    await expect(of(null)).rejects.toThrow(raised('MODEL_BYTES_MISSING'))
    const onnx = Buffer.from('no model')
    const rubbish = {
      ...right,
      onnx,
      size: onnx.length,
      sha256: createHash('sha256').update(onnx).digest('hex'),
    }
    await expect(loadClassifier(rubbish, SCHEMA)).rejects.toThrow(raised('MODEL_UNLOADABLE'))
  })
})
