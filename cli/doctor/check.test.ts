import { expect, test } from 'vitest'
import { CliError } from '../errors.ts'
import { type Check, examine } from './check.ts'

async function found(...checks: Check[]) {
  const findings = []
  for await (const finding of examine(checks)) findings.push(finding)
  return findings
}

const well: Check = { name: 'well', run: async () => ({ said: 'all right' }) }
const ill: Check = { name: 'ill', run: async () => ({ said: 'too old', remedy: 'Upgrade it.' }) }
const thrown = (error: unknown): Check => ({
  name: 'thrown',
  run: () => Promise.reject(error),
})

test('what is wrong is told with what to do, and goes before what needs it', async () => {
  const needing: Check = { name: 'needing', needs: 'ill', run: well.run }
  expect(await found(well, ill, needing, { ...needing, needs: 'well' })).toEqual([
    { check: 'well', outcome: 'ok', said: 'all right' },
    { check: 'ill', outcome: 'problem', said: 'too old', remedy: 'Upgrade it.' },
    { check: 'needing', outcome: 'skipped', said: 'not looked at, as it needs ill' },
    { check: 'needing', outcome: 'ok', said: 'all right' },
  ])
})

test('what cannot be looked at is no reason to stop', async () => {
  const error = new CliError('FILE_UNREADABLE', 'x cannot be read')
  expect(await found(thrown(error), thrown(new Error('one\ntwo')), well)).toEqual([
    {
      check: 'thrown',
      outcome: 'problem',
      said: 'FILE_UNREADABLE: x cannot be read',
      remedy: 'Check the path and its permissions.',
    },
    { check: 'thrown', outcome: 'problem', said: 'one', remedy: 'See the message.' },
    { check: 'well', outcome: 'ok', said: 'all right' },
  ])
})
