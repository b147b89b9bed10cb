import { afterEach, beforeEach, expect, test } from 'vitest'
import { raised } from '../contract.ts'
import { rangeHeaders, serve, type WebServer } from '../testing/web-server.ts'
import { httpSource } from './http-source.ts'
import type { Source } from './source.ts'

const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251))

let server: WebServer
let stopping: AbortController
let waits: number[]
beforeEach(async () => {
  server = await serve('file.csv', bytes)
  stopping = new AbortController()
  waits = []
})
afterEach(() => server.stop())

function open(silence = 60_000): Promise<Source> {
  const wait = async (ms: number) => void waits.push(ms)
  return httpSource(`${server.url}?token=secret`, { signal: stopping.signal, wait, silence })
}

async function all(source: Source, start = 0, end = source.size): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of source.read(start, end)) pieces.push(piece)
  return Buffer.concat(pieces)
}

test('a range is read, and the name tells no secret of the query', async () => {
  const source = await open()
  expect(source).toMatchObject({ size: bytes.length, name: server.url })
  expect((await all(source, 1000, 200_000)).equals(bytes.subarray(1000, 200_000))).toBe(true)
  expect(await all(source, 5, 5)).toHaveLength(0)
})

test('a connection that breaks off is taken up where it ended, with longer waits while nothing comes', async () => {
  const source = await open()
  let requests = 0
  server.misbehave = ({ start, end }, response) => {
    if (++requests % 3 === 0) return response.destroy() !== undefined
    response.writeHead(206, rangeHeaders(start, end, server))
    response.write(bytes.subarray(start, Math.min(end, start + 20_000)), () => response.destroy())
    return true
  }
  expect((await all(source)).equals(bytes)).toBe(true)
  expect(requests).toBeGreaterThan(10)
  expect(new Set(waits)).toEqual(new Set([200, 400]))
})

test('an answer that ends early without breaking off is no end of the file', async () => {
  const source = await open()
  server.misbehave = ({ start, end }, response) => {
    const upTo = Math.min(end, start + 100_000)
    response.writeHead(206, { ...rangeHeaders(start, end, server), 'content-length': upTo - start })
    response.end(bytes.subarray(start, upTo))
    return true
  }
  expect((await all(source)).equals(bytes)).toBe(true)
})

test('a server that is never heard of again is given up after 8 attempts in a row', async () => {
  const source = await open()
  server.misbehave = (_, response) => response.destroy() !== undefined
  await expect(all(source)).rejects.toEqual(raised('SOURCE_UNREACHABLE', '8 times in a row'))
  expect(waits).toEqual([200, 400, 800, 1600, 3200, 6400, 12_800])
  await expect(open()).rejects.toEqual(raised('SOURCE_UNREACHABLE', server.url))
})

test('a server that falls silent in the middle is taken for dead', async () => {
  const source = await open(1000)
  let requests = 0
  server.misbehave = ({ start, end }, response) => {
    if (requests++ > 0) return false
    response.writeHead(206, rangeHeaders(start, end, server))
    response.write(bytes.subarray(start, start + 10))
    return true
  }
  expect((await all(source)).equals(bytes)).toBe(true)
  expect(requests).toBeGreaterThan(1)
})

test('the time that the reader takes is no silence', async () => {
  const source = await open(1000)
  const pieces: Uint8Array[] = []
  for await (const piece of source.read(0, source.size)) {
    pieces.push(piece)
    if (pieces.length === 1) await new Promise(resolve => setTimeout(resolve, 1500))
  }
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
  expect(waits).toEqual([])
})

test('an answer to another range than the one asked for is not taken', async () => {
  const source = await open()
  let lies = 0
  server.misbehave = ({ start, end }, response) => {
    if (lies++ > 1) return false
    response.writeHead(206, rangeHeaders(start + 1, end, server)).end(bytes.subarray(start + 1, end))
    return true
  }
  expect((await all(source)).equals(bytes)).toBe(true)
  lies = Number.NEGATIVE_INFINITY
  await expect(all(source)).rejects.toEqual(raised('SOURCE_UNREACHABLE', 'the server sent "bytes 1-'))
})

test('bytes beyond the range are not taken', async () => {
  const source = await open()
  server.misbehave = ({ start, end }, response) => {
    response.writeHead(206, {
      'content-range': `bytes ${start}-${end - 1}/${bytes.length}`,
      etag: server.etag,
    })
    response.end(bytes.subarray(start))
    return true
  }
  expect((await all(source, 10, 20)).equals(bytes.subarray(10, 20))).toBe(true)
})

test('a server without ranges, one that refuses, and one that is busy', async () => {
  server.misbehave = (_, response) => response.writeHead(200).end(bytes) !== undefined
  await expect(open()).rejects.toEqual(raised('SOURCE_WITHOUT_RANGES'))
  server.misbehave = (_, response) => response.writeHead(404).end() !== undefined
  await expect(open()).rejects.toEqual(raised('SOURCE_REFUSED', '404'))
  let busy = 3
  server.misbehave = (_, response) => busy-- > 0 && response.writeHead(503).end() !== undefined
  expect((await open()).size).toBe(bytes.length)
})

test('a file that becomes another is noticed', async () => {
  const source = await open()
  server.etag = '"2"'
  await expect(all(source)).rejects.toEqual(raised('SOURCE_CHANGED', server.url))
})

test('an empty file has no bytes', async () => {
  server.bytes = Buffer.alloc(0)
  const source = await open()
  expect(source.size).toBe(0)
  expect(await all(source)).toHaveLength(0)
})

test('whoever stops it gets the reason, at once', async () => {
  const source = await open()
  server.misbehave = () => true
  const reading = all(source)
  setTimeout(() => stopping.abort(new Error('enough')), 20)
  await expect(reading).rejects.toThrow('enough')
})
