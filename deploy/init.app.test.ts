import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
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

/** Runs it beside clients of engines of which one answers, or none; answers also with what they were told to build. */
async function init({ engine = true } = {}) {
  const bin = join(scratch, 'bin')
  const calls = join(scratch, 'calls')
  await mkdir(bin, { recursive: true })
  for (const [client, code] of [
    ['docker', 1],
    ['podman', engine ? 0 : 1],
  ] as const) {
    await writeFile(join(bin, client), `#!/bin/sh\necho ${client} "$@" >> ${calls}\nexit ${code}\n`, {
      mode: 0o755,
    })
  }
  const recording = join(scratch, 'p1.csv')
  await writeFile(recording, 'stamp\ndt\n')
  const PATH = `${bin}:${process.env.PATH}`
  const { stdout } = await run('deploy/init.sh', [join(scratch, 'lake'), recording], {
    env: { ...env, PATH },
  })
  const built = (await readFile(calls, 'utf8')).split('\n').filter(line => line.includes(' build '))
  return { stdout, built }
}

test('init brings jobs and recordings into the lake, and builds the images', async () => {
  const { stdout, built } = await init()
  const store = fileStore(join(scratch, 'lake'))
  const keys: string[] = []
  for await (const { key } of store.list()) keys.push(key)
  expect(keys).toContain('staging/p1.csv')
  expect(keys).toContainEqual(expect.stringMatching(/^code\/[0-9a-f]{16}\/train\.py$/))
  expect(stdout).toMatch(/1 of 1 files/)
  expect(built).toEqual(
    ['airflow', 'node', 'spark'].map(
      name => `podman build --tag tickerwatch/${name} --file deploy/images/${name}/Dockerfile .`,
    ),
  )
})

test('init goes on where there is a client and no engine', async () => {
  const { stdout, built } = await init({ engine: false })
  expect(built).toEqual([])
  expect(stdout).toMatch(/images: none built/)
  expect(stdout).toMatch(/1 of 1 files/)
})

test('init without a lake says how it is called', async () => {
  await expect(run('deploy/init.sh', [], { env })).rejects.toMatchObject({
    code: 2,
    stdout: expect.stringContaining('deploy/init.sh s3://bucket'),
  })
})
