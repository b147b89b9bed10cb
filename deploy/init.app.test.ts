import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fileStore } from '../lake/file-store.ts'
import { plainEnvironment } from '../test/tickerwatch.ts'

const run = promisify(execFile)

let scratch: string
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'tickerwatch-init-'))
})
afterEach(() => rm(scratch, { recursive: true, force: true }))

const env = plainEnvironment()

test('init brings jobs and recordings into the lake', async () => {
  const recording = join(scratch, 'p1.csv')
  await writeFile(recording, 'stamp\ndt\n')
  const { stdout } = await run('deploy/init.sh', [join(scratch, 'lake'), recording], { env })
  const store = fileStore(join(scratch, 'lake'))
  const keys: string[] = []
  for await (const { key } of store.list()) keys.push(key)
  expect(keys).toContain('staging/p1.csv')
  expect(keys).toContainEqual(expect.stringMatching(/^code\/[0-9a-f]{16}\/train\.py$/))
  expect(stdout).toMatch(/1 of 1 files/)
})

test('init without a lake says how it is called', async () => {
  await expect(run('deploy/init.sh', [], { env })).rejects.toMatchObject({
    code: 2,
    stdout: expect.stringContaining('deploy/init.sh s3://bucket'),
  })
})
