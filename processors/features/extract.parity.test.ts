/** Features of real recordings, computed here and by Python. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { featureExtractor } from './extract.ts'
import { featureSchema } from './schema.ts'
import { differences, type PlainWindow, view } from './testing/parity.ts'

const project = new URL('../../', import.meta.url)
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
