import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { featureExtractor, type SampleWindow } from './extract.ts'
import { type FeatureSchema, featureSchema, parseFeatureSchema } from './schema.ts'

interface PlainWindow {
  readonly name: string
  readonly start: number
  readonly timestamps: number[]
  readonly columns: Record<string, (number | null)[]>
}

interface Fixture {
  readonly hash: string
  readonly windows: PlainWindow[]
  readonly features: number[][]
}

const project = new URL('../../', import.meta.url)
const fixture: Fixture = JSON.parse(readFileSync(new URL('fixtures/parity.json', import.meta.url), 'utf8'))

function view({ start, timestamps, columns }: PlainWindow): SampleWindow {
  const arrays = new Map(
    Object.entries(columns).map(([field, cells]) => [
      field,
      Float64Array.from(cells, cell => cell ?? Number.NaN),
    ]),
  )
  return {
    start,
    end: start + featureSchema.seconds * 1000,
    count: timestamps.length,
    timestamps: Float64Array.from(timestamps),
    column: field => arrays.get(field)!,
  }
}

/** The features that two languages do not agree on, with both values. */
function differences(schema: FeatureSchema, mine: Float64Array, other: readonly number[]): string[] {
  return schema.features.flatMap(({ name }, column) => {
    const [a, b] = [mine[column]!, other[column]!]
    return Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(a)) ? [] : [`${name}: ${a} here, ${b} in Python`]
  })
}

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

const recordings = new URL('../shared/data/wisdm_watch-10hz/', project)
const python = process.env.PYSPARK_PYTHON ?? 'python3'
const reason = !existsSync(recordings)
  ? 'no ../shared/data'
  : spawnSync(python, ['-c', 'import numpy']).status !== 0
    ? `no ${python} with numpy`
    : undefined

describe.skipIf(reason)(`features of real recordings${reason ? ` (${reason})` : ''}`, () => {
  it('agree with Python', () => {
    const files = readdirSync(recordings).filter((_, index) => index % 10 === 0)
    const windows = files.flatMap(file =>
      cut(gunzipSync(readFileSync(new URL(file, recordings))).toString('utf8')),
    )
    const answer = spawnSync(python, ['-m', 'features.parity'], {
      cwd: fileURLToPath(new URL('spark-jobs/', project)),
      input: JSON.stringify(windows),
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    })
    expect(answer.stderr).toBe('')
    const { hash, features }: { hash: string; features: number[][] } = JSON.parse(answer.stdout)
    expect(hash).toBe(featureSchema.hash)
    const extractor = featureExtractor(featureSchema)
    const wrong = windows.flatMap((window, index) =>
      differences(featureSchema, extractor.doubles(view(window)), features[index]!).map(
        text => `${window.name} ${text}`,
      ),
    )
    expect(windows.length).toBeGreaterThan(1000)
    expect(wrong).toEqual([])
  }, 60_000)
})

/** Every second window of a recording in the CASAS format; those at the ends of its sessions are short. */
function cut(text: string): PlainWindow[] {
  const [header, , ...rows] = text.trimEnd().split('\n')
  const names = header!
    .split(',')
    .map(name => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()))
  const size = featureSchema.seconds * 1000
  const windows = new Map<number, PlainWindow>()
  for (const row of rows) {
    const cells = row.split(',')
    const time = Date.parse(`${cells[0]!.replace(' ', 'T')}Z`)
    const start = Math.floor(time / size) * size
    let window = windows.get(start)
    if (!window) {
      const columns = Object.fromEntries(featureSchema.fields.map(field => [field, []]))
      window = { name: new Date(start).toISOString(), start, timestamps: [], columns }
      windows.set(start, window)
    }
    window.timestamps.push(time)
    for (const field of featureSchema.fields) {
      const cell = cells[names.indexOf(field)]!
      window.columns[field]!.push(cell === '' ? null : Number(cell))
    }
  }
  return [...windows.values()]
}
