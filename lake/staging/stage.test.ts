import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ZipFile } from 'yazl'
import { raised } from '../contract.ts'
import { LakeError } from '../errors.ts'
import { fileStore } from '../file-store.ts'
import type { ObjectStore } from '../object-store.ts'
import { serve, type WebServer } from '../testing/web-server.ts'
import { type StageOptions, type StageProgress, stage } from './stage.ts'

const PART = 10_000

/** Numbers as text: it packs well, and a byte out of place is seen. */
function csv(rows: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length: rows }, (_, i) => `${(i * 7919 + seed) % 100_003},${i}\n`).join(''))
}

const files: Readonly<Record<string, Buffer>> = {
  'p1.csv': csv(5000, 1),
  'deep/p2.csv': csv(3000, 2),
  'exactly.csv': csv(10_000, 3).subarray(0, 3 * PART),
  'empty.csv': Buffer.alloc(0),
}

async function zipped(contents: Readonly<Record<string, Buffer>>, compress = true): Promise<Buffer> {
  const zip = new ZipFile()
  zip.addEmptyDirectory('deep')
  for (const [path, bytes] of Object.entries(contents)) zip.addBuffer(bytes, path, { compress })
  zip.addBuffer(Buffer.from('x'), '__MACOSX/._p1.csv')
  zip.addBuffer(Buffer.from('x'), 'deep/.DS_Store')
  zip.end()
  return await buffer(zip.outputStream)
}

let scratch: string
let store: ObjectStore
let server: WebServer
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'tickerwatch-stage-'))
  store = fileStore(join(scratch, 'lake'))
  server = await serve('group1.zip', await zipped(files))
})
afterEach(async () => {
  await server.stop()
  await rm(scratch, { recursive: true, force: true })
})

function staged(locations: readonly string[], options: Partial<StageOptions> = {}) {
  return stage(locations, {
    store,
    prefix: 'staging',
    signal: new AbortController().signal,
    partSize: PART,
    ...options,
  })
}

async function keys(of = store): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of of.list('staging/')) if (!key.includes('/_')) found.push(key)
  return found
}

async function expectAll(contents = files): Promise<void> {
  expect(await keys()).toEqual(
    Object.keys(contents)
      .map(path => `staging/group1/${path}`)
      .sort(),
  )
  for (const [path, bytes] of Object.entries(contents))
    expect((await store.get(`staging/group1/${path}`)).equals(bytes), path).toBe(true)
}

const total = Object.values(files).reduce((sum, { length }) => sum + length, 0)

test.each([true, false])('an archive on the web is unpacked on its way (deflated: %s)', async compress => {
  server.bytes = await zipped(files, compress)
  const seen: StageProgress[] = []
  const report = await staged([server.url], { onProgress: progress => seen.push(structuredClone(progress)) })
  expect(report).toEqual({ total, done: total, written: total, files: { total: 4, done: 4 }, failures: [] })
  expect(seen.at(-1)).toEqual({ total, done: total, written: total, files: { total: 4, done: 4 } })
  await expectAll()
})

test('what is there is neither read nor written again', async () => {
  await staged([server.url])
  server.requests.length = 0
  const report = await staged([server.url])
  expect(report).toMatchObject({ done: total, written: 0, files: { total: 4, done: 4 } })
  // Its size, and its directory from the end: not one request for each file.
  expect(server.requests.length).toBeLessThanOrEqual(4)
})

test('a file on disk, and a file on the web that is no archive', async () => {
  await writeFile(join(scratch, 'local.csv'), files['p1.csv']!)
  const plain = await serve('far.csv', files['deep/p2.csv']!)
  const report = await staged([join(scratch, 'local.csv'), plain.url])
  await plain.stop()
  expect(report.failures).toEqual([])
  expect(await keys()).toEqual(['staging/far.csv', 'staging/local.csv'])
  expect(await store.get('staging/local.csv')).toEqual(await readFile(join(scratch, 'local.csv')))
  expect((await store.get('staging/far.csv')).equals(files['deep/p2.csv']!)).toBe(true)
})

/** A store that ends everything after some writes of parts, as a kill does. */
function dyingAfter(parts: number): ObjectStore {
  const inner = store
  let left = parts
  return {
    ...inner,
    uploads: {
      ...inner.uploads,
      async put(key, id, part, bytes) {
        if (left-- <= 0) throw new LakeError('AWS_UNREACHABLE', 'the process is gone')
        await inner.uploads.put(key, id, part, bytes)
      },
      async complete(key, id) {
        if (left-- <= 0) throw new LakeError('AWS_UNREACHABLE', 'the process is gone')
        await inner.uploads.complete(key, id)
        if (left-- <= 0) throw new LakeError('AWS_UNREACHABLE', 'the process is gone')
      },
    },
  }
}

test('cut off after every number of writes it goes on, and no part that was finished is written again', async () => {
  let written = 0
  let runs = 0
  for (; runs < 100; runs++) {
    let last = 0
    const onProgress = (progress: StageProgress) => {
      last = progress.written
    }
    const cut = staged([server.url], { store: dyingAfter(1 + (runs % 3)), onProgress })
    const report = await cut.catch(error => {
      expect(error).toEqual(raised('AWS_UNREACHABLE'))
    })
    written += last
    if (report !== undefined) break
  }
  expect(runs).toBeGreaterThan(5)
  expect(written).toBe(total)
  await expectAll()
})

test('a plain file is read on from the first part that is missing', async () => {
  const plain = await serve('far.csv', files['p1.csv']!)
  await expect(staged([plain.url], { store: dyingAfter(3) })).rejects.toEqual(raised('AWS_UNREACHABLE'))
  plain.requests.length = 0
  await staged([plain.url])
  await plain.stop()
  expect(plain.requests.map(({ start }) => start)).toEqual([0, 3 * PART])
  expect((await store.get('staging/far.csv')).equals(files['p1.csv']!)).toBe(true)
})

test('a source that has changed is staged anew, whether it was finished or not', async () => {
  await expect(staged([server.url], { store: dyingAfter(3) })).rejects.toEqual(raised('AWS_UNREACHABLE'))
  const other = { ...files, 'p1.csv': csv(5000, 9) }
  server.bytes = await zipped(other)
  server.etag = '"2"'
  await staged([server.url])
  await expectAll(other)
  server.bytes = await zipped(files)
  server.etag = '"3"'
  expect(await staged([server.url])).toMatchObject({ written: total })
  await expectAll()
})

test('a damaged file is named, the others are staged, and nothing of it is left to go on with', async () => {
  const packed = await zipped(files, false)
  const at = packed.indexOf(files['deep/p2.csv']!.subarray(20_000, 20_050))
  packed[at] = packed[at]! ^ 1
  server.bytes = packed
  const report = await staged([server.url])
  expect(report.files).toEqual({ total: 4, done: 3 })
  expect(report.failures).toEqual([
    { source: `${server.url}: deep/p2.csv`, error: raised('ARCHIVE_INVALID', 'CRC-32') },
  ])
  expect(await keys()).not.toContain('staging/group1/deep/p2.csv')

  // The same version, as a server that sent it wrongly once: it is read from its beginning.
  server.bytes = await zipped(files, false)
  expect(await staged([server.url])).toMatchObject({ written: files['deep/p2.csv']!.length, failures: [] })
  await expectAll()
})

test('what is no archive, is cut off, or is not there, is named; the others are staged', async () => {
  await mkdir(join(scratch, 'sources'))
  const path = (name: string) => join(scratch, 'sources', name)
  await writeFile(path('text.zip'), 'this is no archive')
  await writeFile(path('cut.zip'), server.bytes.subarray(0, server.bytes.length - 30))
  const report = await staged([path('text.zip'), path('none.csv'), path('cut.zip'), server.url])
  expect(report.failures).toEqual([
    { source: path('text.zip'), error: raised('ARCHIVE_INVALID', 'text.zip') },
    { source: path('none.csv'), error: raised('SOURCE_MISSING', 'none.csv') },
    { source: path('cut.zip'), error: raised('ARCHIVE_INVALID', 'cut.zip') },
  ])
  await expectAll()
})

test('two files of one name are refused before anything is written', async () => {
  for (const folder of ['a', 'b']) {
    await mkdir(join(scratch, folder))
    await writeFile(join(scratch, folder, 'x.csv'), folder)
  }
  const both = staged([join(scratch, 'a', 'x.csv'), join(scratch, 'b', 'x.csv')])
  await expect(both).rejects.toEqual(raised('SOURCE_TWICE', 'x.csv'))
  expect(await keys()).toEqual([])
})

test('whoever stops it gets the reason', async () => {
  const stopping = new AbortController()
  const onProgress = () => stopping.abort(new Error('enough'))
  await expect(staged([server.url], { signal: stopping.signal, onProgress })).rejects.toThrow('enough')
  expect(await staged([server.url])).toMatchObject({ done: total, failures: [] })
  await expectAll()
})
