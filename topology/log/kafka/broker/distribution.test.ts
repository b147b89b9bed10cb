import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { brokerUnavailable, fetchDistribution } from './distribution.ts'

const scratch = mkdtempSync(join(tmpdir(), 'tickerwatch-distribution-'))
afterAll(() => rmSync(scratch, { recursive: true }))

/** An environment in which only these programs are found; each does what its script says. */
function environment(name: string, programs: Record<string, string>): NodeJS.ProcessEnv {
  const bin = join(scratch, name)
  mkdirSync(bin)
  for (const [program, script] of Object.entries(programs)) {
    writeFileSync(join(bin, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  }
  return { PATH: bin, TICKERWATCH_CACHE: join(bin, 'cache') }
}

const fetch = (env: NodeJS.ProcessEnv) => fetchDistribution(env, () => {})

test('without Java or Maven it says which is missing', () => {
  const bare = environment('bare', {})
  expect(brokerUnavailable(bare)).toBe('no Java')
  expect(() => fetch(bare)).toThrow(expect.objectContaining({ code: 'JAVA_MISSING' }))
  const java = environment('java', { java: 'exit 0' })
  expect(brokerUnavailable(java)).toBe('no Maven')
  expect(() => fetch(java)).toThrow(expect.objectContaining({ code: 'MAVEN_MISSING' }))
})

test('a download that fails leaves nothing behind, and says what Maven says', () => {
  const env = environment('offline', {
    java: 'exit 0',
    mvn: 'test "$1" = -version || { echo "[ERROR] no network"; exit 1; }',
  })
  expect(brokerUnavailable(env)).toBeUndefined()
  for (let attempt = 0; attempt < 2; attempt++) {
    expect(() => fetch(env)).toThrow(
      expect.objectContaining({
        code: 'BROKER_DOWNLOAD_FAILED',
        message: expect.stringContaining('no network'),
      }),
    )
  }
})

test('what is in the cache is not fetched again', () => {
  const env = environment('cached', { java: 'exit 0', mvn: 'exit 0' })
  const jars = fetch(env)
  rmSync(join(scratch, 'cached', 'mvn'))
  expect(fetch(env)).toBe(jars)
  expect(brokerUnavailable(env)).toBeUndefined()
})
