import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { constants, gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readLines } from './lines.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lines-'))
})
afterEach(() => rm(directory, { recursive: true }))

const text = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join('')

/** All lines of the file; `turns` of the event loop pass between chunks. */
async function read(path: string, turns: number): Promise<{ lines: string[]; cut: string | undefined }> {
  const all: string[] = []
  let cut: string | undefined
  for await (const { lines, failure } of readLines(path)) {
    all.push(...lines)
    cut = failure?.cut
    for (let i = 0; i < turns; i++) await setImmediate()
  }
  return { lines: all, cut }
}

it('gives the lines of a file, also of several gzip members', async () => {
  const path = join(directory, 'a.gz')
  await writeFile(path, Buffer.concat([gzipSync(text), gzipSync('and more')]))
  expect(await read(path, 0)).toEqual({ lines: [...text.trimEnd().split('\n'), 'and more'], cut: undefined })
})

// A reader that lags behind leaves decoded chunks in the stream, which a failing stream would drop.
it.each([0, 3000])('gives all that can be decoded of a truncated file, read %i turns behind', async turns => {
  const path = join(directory, 'a.gz')
  const whole = gzipSync(text)
  for (const share of [0.3, 0.6, 0.9]) {
    const part = whole.subarray(0, Math.floor(whole.length * share))
    await writeFile(path, part)
    const lines = gunzipSync(part, { finishFlush: constants.Z_SYNC_FLUSH }).toString('latin1').split('\n')
    const cut = lines.pop()
    expect(await read(path, turns)).toEqual({ lines, cut })
  }
})
