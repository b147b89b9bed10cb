import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tickerwatch } from '../test/tickerwatch.ts'

let out: string
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'tickerwatch-generate-'))
})
afterAll(() => rm(out, { recursive: true, force: true }))

const generate = (folder: string, ...flags: string[]) =>
  tickerwatch('generate', '--out', join(out, folder), '--devices', '2', '--for', '3s', ...flags)

test('generate writes the same recordings for the same seed, and overwrites none', async () => {
  const first = await generate('a', '--seed', '7', '--json')
  expect(first).toMatchObject({ code: 0, stderr: [] })
  const { devices, readings, directory } = JSON.parse(first.stdout.join('\n'))
  expect({ devices, readings, directory }).toEqual({ devices: 2, readings: 60, directory: join(out, 'a') })
  const files = await readdir(join(out, 'a'))
  expect(files).toHaveLength(2)

  const [again, other] = await Promise.all([generate('b', '--seed', '7'), generate('c', '--seed', '8')])
  expect([again.code, other.code]).toEqual([0, 0])
  const contents = (folder: string) => readFile(join(out, folder, files[0] ?? ''), 'utf8')
  expect(await contents('b')).toBe(await contents('a'))
  expect(await contents('c')).not.toBe(await contents('a'))

  const refused = await generate('a', '--seed', '8')
  expect(refused.code).toBe(1)
  expect(refused.stderr[0]).toMatch(/^RECORDING_EXISTS: /)
  expect(await contents('a')).toBe(await contents('b'))
})
