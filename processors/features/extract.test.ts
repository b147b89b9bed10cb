import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { featureExtractor } from './extract.ts'
import { featureSchema, parseFeatureSchema } from './schema.ts'
import { differences, type PlainWindow, view } from './testing/parity.ts'

interface Fixture {
  readonly hash: string
  readonly windows: PlainWindow[]
  readonly features: number[][]
}

const project = new URL('../../', import.meta.url)
const fixture: Fixture = JSON.parse(readFileSync(new URL('fixtures/parity.json', import.meta.url), 'utf8'))

describe('features of generated windows', () => {
  const extractor = featureExtractor(featureSchema)

  it('are fixed for this feature schema', () => {
    expect(fixture.hash, 'run python -m features.fixture in spark-jobs').toBe(featureSchema.hash)
  })

  it.each(fixture.windows.map((window, index) => ({ ...window, expected: fixture.features[index]! })))(
    'agree with Python: $name',
    ({ expected, ...window }) => {
      expect(expected).toHaveLength(featureSchema.features.length)
      expect(differences(featureSchema, extractor.doubles(view(window)), expected)).toEqual([])
    },
  )

  it('are finite for every beginning of a window', () => {
    for (const window of fixture.windows) {
      for (let count = 0; count <= window.timestamps.length; count++) {
        const vector = extractor.features({ ...view(window), count })
        expect(vector.every(Number.isFinite), `${window.name}, ${count} samples`).toBe(true)
      }
    }
  })

  it('are the same again after other windows', () => {
    const first = extractor.features(view(fixture.windows[0]!))
    for (const window of fixture.windows) extractor.features(view(window))
    expect(extractor.features(view(fixture.windows[0]!))).toEqual(first)
  })

  it('go where they are asked to', () => {
    const out = new Float32Array(2 * extractor.width)
    extractor.features(view(fixture.windows[1]!), out, extractor.width)
    expect(out.subarray(0, extractor.width).every(value => value === 0)).toBe(true)
    expect(out.subarray(extractor.width)).toEqual(extractor.features(view(fixture.windows[1]!)))
  })
})

describe('missing samples', () => {
  const statistics = ['min', 'mean', 'p10', 'std', 'jerkRms', 'power3', 'coverage']
  const file: { [member: string]: unknown } = JSON.parse(
    readFileSync(new URL('schemas/features.json', project), 'utf8'),
  )
  const extractor = featureExtractor(
    parseFeatureSchema({ ...file, features: [{ channels: ['acceleration'], statistics }] }),
  )
  const still = (missing: (index: number) => boolean): PlainWindow => ({
    name: 'still',
    start: 0,
    timestamps: Array.from({ length: 50 }, (_, index) => index * 100),
    columns: Object.fromEntries(
      featureSchema.fields.map(field => [
        field,
        Array.from({ length: 50 }, (_, index) =>
          missing(index) ? null : field === 'userAccelerationX' ? 2 : 0,
        ),
      ]),
    ),
  })

  it('are left out of every statistic, and never taken for 0; coverage tells of them', () => {
    expect([...extractor.doubles(view(still(() => false)))]).toEqual([2, 2, 2, 0, 0, 0, 1])
    expect([...extractor.doubles(view(still(index => index % 5 === 0)))]).toEqual([2, 2, 2, 0, 0, 0, 0.8])
  })

  it('that are all there could be give 0, and a coverage of 0', () => {
    expect([...extractor.doubles(view(still(() => true)))]).toEqual([0, 0, 0, 0, 0, 0, 0])
  })
})

describe('a feature schema', () => {
  const file: { [member: string]: unknown } = JSON.parse(
    readFileSync(new URL('schemas/features.json', project), 'utf8'),
  )

  it('keeps its hash when only words change, and not when the definition does', () => {
    expect(parseFeatureSchema({ ...file, doc: 'other words' }).hash).toBe(featureSchema.hash)
    expect(parseFeatureSchema({ ...file, version: 99 }).hash).not.toBe(featureSchema.hash)
  })

  it('is refused where it names what it does not define', () => {
    const channels = { broken: { primitive: 'sum', inputs: ['nothing'] } }
    expect(() => parseFeatureSchema({ ...file, channels })).toThrow(/broken reads nothing/)
    const unknownChannel = [{ channels: ['nothing'], statistics: ['mean'] }]
    expect(() => parseFeatureSchema({ ...file, features: unknownChannel })).toThrow(/reads nothing/)
    const unknownStatistic = [{ channels: ['acceleration'], statistics: ['nothing'] }]
    expect(() => parseFeatureSchema({ ...file, features: unknownStatistic })).toThrow(/statistic nothing/)
    const statistics = { odd: { primitive: 'nothing' } }
    const odd = [{ channels: ['acceleration'], statistics: ['odd'] }]
    const schema = parseFeatureSchema({ ...file, statistics, features: odd })
    expect(() => featureExtractor(schema)).toThrow(/primitive nothing/)
  })
})
