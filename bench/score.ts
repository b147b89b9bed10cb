/** Feature vectors to scores with a shipped release: in calls of several sizes, beside the runtime alone. */
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { featureSchema } from '../processors/features/schema.ts'
import { type Classifier, loadClassifier } from '../processors/models/classifier.ts'
import { shippedReleases } from '../processors/models/shipped.ts'
import { benchmark, contest, expectEqual } from './benchmark.ts'

/** What the classifier gives the runtime at once. */
const BATCH = 64

export const score = benchmark({
  name: 'score',
  summary: 'feature vectors scored one by one and together, beside the ONNX runtime alone',
  sizes: { rows: { of: 6_400, what: 'scored by each way' }, rounds: { of: 5, what: 'of each way' } },
  async run(size) {
    const classifier = await shipped()
    const { onnx, labels } = classifier.release
    const session = await InferenceSession.create(onnx!, { intraOpNumThreads: 1, interOpNumThreads: 1 })
    const rows = vectors(size('rows'))
    const width = featureSchema.features.length
    const tensors = chunked(rows, BATCH).map(chunk => {
      const data = new Float32Array(chunk.length * width)
      for (const [i, row] of chunk.entries()) data.set(row, i * width)
      return new Tensor('float32', data, [chunk.length, width])
    })
    const expected = (await classifier.score(rows)).map(({ label }) => label).join()
    const inCallsOf = (length: number) => async () => {
      const labelled: string[] = []
      for (const chunk of chunked(rows, length)) {
        for (const { label } of await classifier.score(chunk)) labelled.push(label)
      }
      expectEqual('labels', labelled.join(), expected)
    }
    const figures = await contest({
      count: rows.length,
      of: 'rows',
      rounds: size('rounds'),
      ways: {
        [`the runtime alone, ${BATCH} a call`]: async () => {
          let probabilities = 0
          for (const features of tensors) {
            const answer = await session.run({ features }, ['probabilities'])
            probabilities += answer.probabilities!.data.length
          }
          expectEqual('probabilities', probabilities, rows.length * labels.length)
        },
        '1 a call': inCallsOf(1),
        '8 a call': inCallsOf(8),
        '64 a call': inCallsOf(64),
        '512 a call': inCallsOf(512),
      },
    })
    await Promise.all([session.release(), classifier.close()])
    return figures
  },
})

/** The first release that comes with the package. */
export async function shipped(): Promise<Classifier> {
  const [release] = await shippedReleases('watch')
  const published = {
    status: 'promoted',
    reason: null,
    publishedAt: 0,
    location: null,
    signature: null,
  } as const
  return await loadClassifier({ ...release!, ...published }, featureSchema)
}

/** Of no watch, but different from each other, so that trees are walked along many ways. */
function vectors(count: number): Float32Array[] {
  return Array.from({ length: count }, (_, i) =>
    Float32Array.from(featureSchema.features, (_, column) => 3 * Math.sin(i * 0.7 + column * (1 + (i % 7)))),
  )
}

function chunked<T>(rows: readonly T[], length: number): T[][] {
  const chunks: T[][] = []
  for (let at = 0; at < rows.length; at += length) chunks.push(rows.slice(at, at + length))
  return chunks
}
