import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ApplicationErrorCode } from '../errors.ts'
import { parseRelease, readRelease, releaseJson, releaseKey, type UnpublishedRelease } from './release.ts'
import { release } from './testing/releases.ts'

let directory: string
let right: UnpublishedRelease
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'release-'))
  right = await release('1.2.3')
})
afterAll(() => rm(directory, { recursive: true }))

function json(): Record<string, unknown> {
  return releaseJson(right)
}

function raised(code: ApplicationErrorCode, text: string): object {
  return expect.objectContaining({ code, message: expect.stringContaining(text) })
}

test('a file is read as it was written', async () => {
  const path = join(directory, 'watch-1.2.3.json')
  await writeFile(path, JSON.stringify(json()))
  expect(await readRelease(path)).toEqual(right)
  expect(releaseKey(right)).toBe('watch@1.2.3')
})

test.each<[string, Record<string, unknown>, string]>([
  ['a field that is absent', { labels: undefined }, 'labels:'],
  ['a field that is unknown', { colour: 'red' }, 'colour'],
  ['a version that is none', { version: 'latest' }, 'version: a semantic version'],
  ['one label', { labels: ['walk'] }, 'labels:'],
  ['a label twice', { labels: ['walk', 'walk'] }, 'labels: each label once'],
  ['a temperature of 0', { temperature: 0 }, 'temperature:'],
  ['a confidence beyond 1', { minimumConfidence: 1.5 }, 'minimumConfidence:'],
  ['a hash that is none', { featureSchemaHash: 'abc' }, 'featureSchemaHash: 16 hexadecimal digits'],
  ['bytes that are not base64', { onnx: '%%%' }, 'onnx:'],
  ['a metric that is text', { metrics: { accuracy: 'high' } }, 'metrics.accuracy:'],
])('refuses %s in one line that names it', (_what, changes, text) => {
  const wrong = JSON.stringify({ ...json(), ...changes })
  expect(() => parseRelease(wrong, 'x.json')).toThrow(raised('MODEL_FILE_INVALID', text))
  expect(() => parseRelease(wrong, 'x.json')).toThrow(/^x\.json is no release file: .+$/)
})

test('refuses what is no JSON, and no file', async () => {
  const path = join(directory, 'bad.json')
  await writeFile(path, 'PK\u0003')
  await expect(readRelease(path)).rejects.toThrow(raised('MODEL_FILE_INVALID', 'bad.json'))
  await expect(readRelease(join(directory, 'absent.json'))).rejects.toThrow(
    raised('MODEL_FILE_UNREADABLE', 'absent.json'),
  )
  await expect(readRelease(directory)).rejects.toThrow(raised('MODEL_FILE_UNREADABLE', 'cannot be read'))
  await writeFile(path, Buffer.alloc((5 << 20) + 1))
  await expect(readRelease(path)).rejects.toThrow(raised('MODEL_FILE_UNREADABLE', 'at most'))
})
