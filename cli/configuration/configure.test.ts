import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { configure } from './configure.ts'
import { settingNames, variableOf } from './settings.ts'
import { fromEnvironment, fromText } from './sources.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tickerwatch-settings-'))
  for (const name of settingNames) vi.stubEnv(variableOf(name), '')
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(directory, { recursive: true })
})

function file(text: string): string {
  const path = join(directory, 'settings.yaml')
  writeFileSync(path, text)
  return path
}

/** What a command that takes some settings sees, or what is printed instead. */
async function seen(...words: string[]): Promise<{ options?: object; printed: string[] }> {
  let options: object | undefined
  let printed = ''
  const command = new Command('any').exitOverride().configureOutput({
    writeErr: text => {
      printed += text
    },
  })
  configure(command, { names: ['brokers', 'port', 'state', 'sql', 'trustedKeys', 'registry'] }).action(
    ({ settings: _, ...given }) => {
      options = given
    },
  )
  try {
    await command.parseAsync(words, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    expect(error.exitCode).toBe(2)
  }
  return { options, printed: printed.split('\n').filter(line => line !== '') }
}

describe('a setting', () => {
  test('is its default, unless the file says otherwise, the environment, or a flag', async () => {
    expect(await seen()).toMatchObject({ options: { port: 8080, state: '.tickerwatch', trustedKeys: [] } })
    const config = ['--settings', file('port: 1\nstate: below\n')]
    expect(await seen(...config)).toMatchObject({ options: { port: 1, state: 'below' } })
    vi.stubEnv('TICKERWATCH_PORT', '2')
    expect(await seen(...config)).toMatchObject({ options: { port: 2, state: 'below' } })
    expect(await seen(...config, '--port', '3')).toMatchObject({ options: { port: 3, state: 'below' } })
  })

  test('is a list in the file, and commas elsewhere', async () => {
    const brokers = ['a:1', 'b:2']
    expect(await seen('--settings', file('brokers: [a:1, "b:2"]'))).toMatchObject({ options: { brokers } })
    expect(await seen('--brokers', 'a:1,b:2')).toMatchObject({ options: { brokers } })
    vi.stubEnv('TICKERWATCH_BROKERS', 'a:1, b:2')
    expect(await seen()).toMatchObject({ options: { brokers } })
    expect(await seen('--trusted-keys', 'x', 'y')).toMatchObject({ options: { trustedKeys: ['x', 'y'] } })
  })

  test('that is secret may lie in a file that the environment names', async () => {
    vi.stubEnv('TICKERWATCH_SQL_FILE', file('postgres://me:hush@db/watch\n'))
    expect(await seen()).toMatchObject({ options: { sql: 'postgres://me:hush@db/watch' } })
    vi.stubEnv('TICKERWATCH_SQL_FILE', join(directory, 'none'))
    expect((await seen()).printed[0]).toBe(
      `TICKERWATCH_SQL_FILE: ${join(directory, 'none')} cannot be read (ENOENT).`,
    )
  })
})

test('all mistakes are told at once, each with the name by which the setting was given', async () => {
  const path = file('registry: nowhere\nprot: 8080\nstate: {}\ndevices: some\n')
  vi.stubEnv('TICKERWATCH_SQL', 'mysql://me:hush@db')
  vi.stubEnv('TICKERWATCH_BROKER', 'a:1')
  const { options, printed } = await seen('--settings', path, '--port', 'http', '--brokers', 'a:1,b')
  expect(options).toBeUndefined()
  expect(printed).toEqual([
    `TICKERWATCH_BROKER is no setting. Did you mean TICKERWATCH_BROKERS?`,
    `${path}:2: prot is no setting. Did you mean port?`,
    `${path}:3: state holds more than a value or a list of values.`,
    // Of another command, but of this file.
    `${path}:4: devices 'some' is invalid. Give a whole number from 0 to 100000.`,
    `--brokers 'a:1,b' is invalid. Give host:port, such as node-1:8080.`,
    `${path}:1: registry is invalid. Give an address such as http://localhost:8081.`,
    `TICKERWATCH_SQL is invalid. Give an address such as postgres://me@localhost/watch, or redshift://….`,
    `--port 'http' is invalid. Give a whole number from 0 to 65535.`,
  ])
})

test('a file that is named must be there, and be YAML', async () => {
  expect((await seen('--settings', join(directory, 'none'))).printed[0]).toMatch(
    /none cannot be read \(ENOENT\)/,
  )
  expect(fromText('port: [1', 'x.yaml').mistakes[0]).toMatch(/^x\.yaml:1: /)
  expect(fromText('8080', 'x.yaml').mistakes).toEqual([
    'x.yaml holds no settings: give lines such as port: 8080.',
  ])
  expect(fromText('', 'x.yaml')).toMatchObject({ mistakes: [] })
  expect(fromText('{"port": 8080}', 'x.json').written.get('port')?.text).toBe('8080')
})

test('variables of others are left alone', () => {
  expect(fromEnvironment({ TICKERWATCH_CACHE: 'x', TICKERWATCH_SERVICE_HOST: 'x' }).mistakes).toEqual([])
})
