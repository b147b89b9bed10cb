import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tickerwatch } from '../test/tickerwatch.ts'

let recordings: string
/** That occur in them. */
let labels: string[]
beforeAll(async () => {
  recordings = await mkdtemp(join(tmpdir(), 'tickerwatch-evaluate-'))
  await tickerwatch('generate', '--out', recordings, '--devices', '3', '--for', '1m')
  const files = await Promise.all(
    (await readdir(recordings)).map(file => readFile(join(recordings, file), 'utf8')),
  )
  const rows = files.flatMap(text => text.trimEnd().split('\n').slice(2))
  labels = [...new Set(rows.map(row => row.slice(row.lastIndexOf(',') + 1)))]
})
afterAll(() => rm(recordings, { recursive: true, force: true }))

const evaluate = (...words: string[]) => tickerwatch('evaluate', '--recordings', recordings, ...words)

test('evaluate prints one line of JSON, whatever it says beside it', async () => {
  const { code, stdout } = await evaluate('--model', 'watch@1.0.0', '--json')
  expect(code).toBe(0)
  expect(stdout).toHaveLength(1)
  const evaluation = JSON.parse(stdout[0]!)
  expect(evaluation).toMatchObject({ model: 'watch@1.0.0', devices: 3, readings: 1800 })
  for (const share of ['accuracy', 'macroF1', 'routedShare', 'acceptedAccuracy', 'calibrationError']) {
    expect(evaluation[share]).toBeGreaterThanOrEqual(0)
    expect(evaluation[share]).toBeLessThanOrEqual(1)
  }
  const { mixed, unlabelled, otherLabels } = evaluation.leftOut
  expect(otherLabels).toEqual({})
  expect(evaluation.windows + mixed + unlabelled).toBe(3 * 25)
})

test('evaluate takes a release file, and says in a table what it found and on standard error what it left out', async () => {
  const file = 'processors/models/releases/watch-1.0.0.json'
  const two = labels.slice(0, 2)
  const { code, stdout, stderr } = await evaluate('--model', file, '--classes', two.join(','))
  expect(code).toBe(0)
  expect(stdout[0]).toMatch(/^CLASS +WINDOWS +PRECISION +RECALL +F1$/)
  expect(stdout.slice(1, 3).map(line => line.split(' ')[0])).toEqual(two)
  expect(stderr[0]).toBe(`watch 1.0.0 on 3 recordings of ${recordings}`)
  expect(stderr.join('\n')).toMatch(/windows were left out because their label is none of the classes: /)
})

test('what cannot be evaluated is refused in one line, and how to go on', async () => {
  const [model, version, classes, few, none] = await Promise.all([
    evaluate('--model', 'teapot'),
    evaluate('--model', 'watch@9.9.9'),
    evaluate('--classes', 'walking,flying'),
    evaluate('--classes', 'walking'),
    tickerwatch('evaluate', '--recordings', join(recordings, 'nowhere')),
  ])
  expect(model.stderr[0]).toBe('MODEL_NOT_SHIPPED: no release of teapot comes with this version')
  expect(version.stderr[0]).toMatch(
    /^MODEL_NOT_SHIPPED: watch@9\.9\.9 does not come with this version, but 1\.0\.0, /,
  )
  expect(classes.stderr.at(-2)).toMatch(/^MODEL_CLASS_UNKNOWN: .* has no class flying/)
  expect(few).toMatchObject({ code: 2 })
  expect(none.stderr[0]).toMatch(/^RECORDINGS_NONE: /)
  expect([model, version, classes, none].map(({ code }) => code)).toEqual([1, 1, 1, 1])
})
