import { spawn } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { root } from './files.ts'
import { ended, plainEnvironment } from './tickerwatch.ts'

/** Runs suites on a machine where no program is found. */
function runBare(suite: string, environment: Record<string, string>) {
  const { CI: _ci, ...env } = plainEnvironment()
  return ended(
    spawn(process.execPath, ['test/run.mjs', suite], {
      cwd: root,
      env: { ...env, PATH: '/nowhere', ...environment },
    }),
  )
}

describe('npm test', () => {
  test('names a suite that cannot run, with the reason', async () => {
    const { code, stdout } = await runBare('page', {})
    expect(stdout.slice(-2)).toEqual([
      'page        cannot run here: no Chromium',
      '0 passed, 0 failed, 1 skipped',
    ])
    expect(code).toBe(0)
  })

  test('fails on it where nothing may be skipped', async () => {
    const { code, stdout } = await runBare('broker', { CI: 'true' })
    expect(stdout).toContain('broker      cannot run here: no Java')
    expect(stdout.at(-1)).toBe('0 passed, 1 failed')
    expect(code).toBe(1)
  })

  test('knows its suites', async () => {
    const { code, stderr } = await runBare('pages', {})
    expect(stderr[0]).toMatch(/^no suite pages; there are check, /)
    expect(code).toBe(2)
  })
})
