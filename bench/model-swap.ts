/** How long a partition stands still when another release takes over while readings wait: on a real broker, exactly-once. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { featureSchema } from '../processors/features/schema.ts'
import type { UnpublishedRelease } from '../processors/models/release.ts'
import { shippedReleases } from '../processors/models/shipped.ts'
import { forest } from '../processors/models/testing/onnx.ts'
import { type SwapsUnderLoad, swapsUnderLoad } from '../processors/models/testing/swaps-under-load.ts'
import { trustedSources } from '../processors/models/trusted-sources.ts'
import { benchmark, expectEqual, type Figure } from './benchmark.ts'
import { withKafka } from './with-kafka.ts'

export const modelSwap = benchmark({
  name: 'model-swap',
  summary: 'how long a partition stands still when a release takes over under full load',
  sizes: {
    devices: { of: 100, what: 'watches' },
    seconds: { of: 2400, what: 'of readings of each, at 10 a second' },
    swaps: { of: 6, what: 'between the two shipped releases, and the last two with one of more than 1 MB' },
  },
  async run(size): Promise<readonly Figure[]> {
    const [older, newer] = await shippedReleases('watch')
    if (older === undefined || newer === undefined) throw new Error('two releases are shipped')
    const directory = await mkdtemp(join(tmpdir(), 'tickerwatch-model-swap-'))
    try {
      const large = await largeRelease(newer, directory)
      const swaps = Array.from({ length: Math.max(0, size('swaps') - 2) }, (_, i) =>
        i % 2 === 0 ? newer : older,
      )
      const swapped = await withKafka(async ({ log }) =>
        swapsUnderLoad({
          log,
          devices: size('devices'),
          seconds: size('seconds'),
          releases: [older, ...swaps, large, older],
          trusted: await trustedSources([]),
        }),
      )
      check(swapped)
      const { stalls, otherStall, readings, seconds } = swapped
      const limit = { what: 'the longest at any other time', value: otherStall.time }
      return [
        { what: 'readings worked off', unit: 'readings/s', value: readings / seconds },
        ...stalls.flatMap(({ time, cpu }, i): Figure[] => [
          { what: `swap ${i + 1}, the partition held up most`, unit: 'ms', value: time, limit },
          { what: `swap ${i + 1}, in which the node worked`, unit: 'CPU-ms', value: cpu },
        ]),
      ]
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  },
})

/** Figures of swaps that lose something are worth nothing. */
function check({ predictions, windowsClosed, doubled, replay }: SwapsUnderLoad): void {
  expectEqual('predictions', predictions, windowsClosed)
  // Else it was not swapped under load.
  expectEqual('releases that predicted', Object.keys(replay.byVersion).length, 3)
  expectEqual('windows predicted twice', doubled, 0)
  expectEqual('predictions that a replay gives bit by bit', replay.identical, predictions)
}

/** A forest of some megabytes, beside the log. */
async function largeRelease(like: UnpublishedRelease, directory: string): Promise<UnpublishedRelease> {
  const [width, classes] = [featureSchema.features.length, like.labels.length]
  const onnx = forest({ width, classes, trees: 9000, seed: 1 })
  const path = join(directory, 'large.onnx')
  await writeFile(path, onnx)
  const session = await InferenceSession.create(onnx)
  const features = new Tensor('float32', Float32Array.from(like.probeFeatures), [1, width])
  const { probabilities } = await session.run({ features })
  await session.release()
  return {
    ...like,
    version: '99.0.0',
    onnx: null,
    location: pathToFileURL(path).href,
    size: onnx.length,
    sha256: createHash('sha256').update(onnx).digest('hex'),
    probeProbabilities: Array.from(probabilities?.data instanceof Float32Array ? probabilities.data : []),
  }
}
