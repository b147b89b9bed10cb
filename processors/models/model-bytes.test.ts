import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ApplicationErrorCode } from '../errors.ts'
import { MODEL_LIMIT, type ModelSource, readModel } from './model-bytes.ts'

const content = Buffer.from('a model that is longer than one chunk '.repeat(10_000))
let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'model-bytes-'))
})
afterAll(() => rm(directory, { recursive: true }))

function source(changes: Partial<ModelSource>): ModelSource {
  return {
    name: 'watch',
    version: '1.0.0',
    onnx: null,
    location: null,
    size: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
    ...changes,
  }
}

async function file(name: string, bytes: Buffer): Promise<string> {
  await writeFile(join(directory, name), bytes)
  return pathToFileURL(join(directory, name)).href
}

function raised(code: ApplicationErrorCode, text = ''): object {
  return expect.objectContaining({ code, message: expect.stringContaining(text) })
}

test('are those of the event, or those at the location', async () => {
  expect(await readModel(source({ onnx: content }))).toEqual(content)
  expect(await readModel(source({ location: await file('right.onnx', content) }))).toEqual(content)
})

test('are refused when they are not those released: cut off, longer, or others', async () => {
  const cut = content.subarray(0, content.length - 1)
  const other = Buffer.concat([content.subarray(1), Buffer.from('x')])
  for (const [name, bytes] of Object.entries({ cut, longer: Buffer.concat([content, content]), other })) {
    const location = await file(name, bytes)
    await expect(readModel(source({ location })), name).rejects.toThrow(raised('MODEL_DAMAGED'))
    await expect(readModel(source({ onnx: bytes })), name).rejects.toThrow(raised('MODEL_DAMAGED'))
  }
})

test('of a place where nothing is, or something that does not end, are refused', async () => {
  const pipe = join(directory, 'pipe')
  execFileSync('mkfifo', [pipe])
  for (const path of [join(directory, 'absent'), directory, '/dev/zero'])
    await expect(readModel(source({ location: pathToFileURL(path).href })), path).rejects.toThrow(
      raised('MODEL_LOCATION_EMPTY', path),
    )
  await expect(readModel(source({ location: pathToFileURL(pipe).href }))).rejects.toThrow(
    raised('MODEL_LOCATION_EMPTY'),
  )
})

test('are not read from anywhere else, nor without end, nor if there are none', async () => {
  for (const location of ['http://127.0.0.1/model', 'model.onnx', 'gopher:x'])
    await expect(readModel(source({ location }))).rejects.toThrow(raised('MODEL_LOCATION_UNSUPPORTED'))
  await expect(readModel(source({ location: 'file:///x', size: MODEL_LIMIT + 1 }))).rejects.toThrow(
    raised('MODEL_TOO_LARGE'),
  )
  await expect(readModel(source({}))).rejects.toThrow(raised('MODEL_BYTES_MISSING'))
})
