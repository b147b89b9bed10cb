import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { root } from '../test/files.ts'
import { ended, plainEnvironment, tickerwatch } from '../test/tickerwatch.ts'
import { commands } from './commands.ts'

describe('tickerwatch', () => {
  test('names its commands', async () => {
    const { code, stdout } = await tickerwatch('--help')
    expect(code).toBe(0)
    for (const { name, summary } of commands)
      expect(stdout.join('\n')).toMatch(new RegExp(`^  ${name}.* ${summary}`, 'm'))
  })

  test('says its version', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    expect(await tickerwatch('--version')).toEqual({ code: 0, stdout: [version], stderr: [] })
  })

  test.each([
    { words: ['modles'], first: "unknown command 'modles'" },
    { words: ['--loud'], first: "unknown option '--loud'" },
    { words: ['models', 'publish'], first: "missing required argument 'file'" },
    { words: ['models', 'list', '--sate', 'x'], first: "unknown option '--sate'" },
    {
      words: ['models', 'show', 'watch'],
      first:
        "command-argument value 'watch' is invalid for argument 'name@version'. Give it as NAME@VERSION.",
    },
    { words: ['generate'], first: "required option '--out <dir>' not specified" },
    {
      words: ['generate', '--out', 'x', '--devices', '0'],
      first: "option '--devices <n>' argument '0' is invalid. Give a whole number from 1 to 500.",
    },
    {
      words: ['generate', '--out', 'x', '--for', 'soon'],
      first: "option '--for <duration>' argument 'soon' is invalid. Give a duration such as 40s, 10m or 1h.",
    },
  ])('called wrongly ($words) it says why and ends with 2', async ({ words, first }) => {
    const { code, stdout, stderr } = await tickerwatch(...words)
    expect(stderr[0]).toBe(first)
    expect(stderr.length).toBeLessThanOrEqual(3)
    expect(stdout).toEqual([])
    expect(code).toBe(2)
  })

  test('prints a failure as code, message and remedy, and its stack with --debug only', async () => {
    const words = ['models', 'list', '--state', join(tmpdir(), 'no', 'node', 'here')]
    const quiet = await tickerwatch(...words)
    expect(quiet).toEqual({
      code: 1,
      stdout: [],
      stderr: [
        `NODE_NOT_RUNNING: no node runs with the state directory ${words[3]}`,
        'Start one with npm start, or name the state directory of the running one with --state.',
      ],
    })
    const loud = await tickerwatch(...words, '--debug')
    expect(loud.stderr.slice(0, 2)).toEqual(quiet.stderr)
    expect(loud.stderr.join('\n')).toMatch(/ {4}at .*node-file\.ts/)
  })
})

describe('npm start', () => {
  test('needs Node 20.19', async () => {
    const old = `data:text/javascript,Object.defineProperty(process.versions, 'node', { value: '20.18.3' })`
    for (const script of ['cli/start.mjs', 'cli/tickerwatch.mjs']) {
      const child = spawn(process.execPath, ['--import', old, script], { cwd: root, env: plainEnvironment() })
      expect(await ended(child)).toEqual({
        code: 1,
        stdout: [],
        stderr: ['Ticker Watch needs Node 20.19 or newer; this is Node 20.18.3.'],
      })
    }
  })

  test('runs the command run', async () => {
    const child = spawn(process.execPath, ['cli/start.mjs', '--for', 'ever'], {
      cwd: root,
      env: plainEnvironment(),
    })
    const { code, stderr } = await ended(child)
    expect(stderr[0]).toMatch(/^--for 'ever' is invalid\. Give a duration/)
    expect(code).toBe(2)
  })
})

describe('npm start without the packages of the lock', () => {
  let clone: string
  beforeAll(async () => {
    // A project of one package that is found on this disk, so that npm needs no network.
    clone = await mkdtemp(join(tmpdir(), 'tickerwatch-start-'))
    await mkdir(join(clone, 'cli'))
    for (const file of ['start.mjs', 'dependencies.mjs', 'node-version.mjs']) {
      await cp(join(root, 'cli', file), join(clone, 'cli', file))
    }
    await writeFile(
      join(clone, 'cli', 'tickerwatch.mjs'),
      `import 'answer'\nconsole.log(process.argv.slice(2).join(' '))\n`,
    )
    await mkdir(join(clone, 'answer'))
    await writeFile(
      join(clone, 'answer', 'package.json'),
      '{"name":"answer","version":"1.0.0","main":"index.js"}',
    )
    await writeFile(join(clone, 'answer', 'index.js'), '')
    const dependencies = { answer: 'file:answer' }
    await writeFile(
      join(clone, 'package.json'),
      JSON.stringify({ name: 'clone', version: '1.0.0', dependencies }),
    )
    await writeFile(
      join(clone, 'package-lock.json'),
      JSON.stringify({
        name: 'clone',
        version: '1.0.0',
        lockfileVersion: 3,
        packages: {
          '': { name: 'clone', version: '1.0.0', dependencies },
          answer: { version: '1.0.0' },
          'node_modules/answer': { resolved: 'answer', link: true },
        },
      }),
    )
  })
  afterAll(() => rm(clone, { recursive: true, force: true }))

  const start = () =>
    ended(spawn(process.execPath, ['cli/start.mjs', '--now'], { cwd: clone, env: plainEnvironment() }))

  test('installs them, once', async () => {
    const first = await start()
    expect(first.stderr[0]).toBe('installing packages (nothing is installed yet): npm ci')
    expect([first.code, first.stdout.at(-1)]).toEqual([0, 'run --now'])
    expect(await start()).toEqual({ code: 0, stdout: ['run --now'], stderr: [] })
  })

  test('installs them again when one was removed', async () => {
    await rm(join(clone, 'node_modules', 'answer'), { recursive: true })
    const again = await start()
    expect(again.stderr[0]).toBe('installing packages (node_modules/answer is missing): npm ci')
    expect(again.code).toBe(0)
  })

  test('says so when npm fails', async () => {
    await rm(join(clone, 'node_modules'), { recursive: true })
    await writeFile(
      join(clone, 'package-lock.json'),
      '{"packages":{"node_modules/other":{"version":"1.0.0"}}}',
    )
    const { code, stderr } = await start()
    expect(stderr.at(-1)).toBe('npm ci failed; see above')
    expect(code).toBe(1)
  })
})
