import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from './files.ts'
import { foreignLicences } from './licences.ts'

const found = (packages: Parameters<typeof foreignLicences>[0]['packages']): string[] =>
  foreignLicences({ packages }).map(({ message }) => message.replace(/: see .*/, ''))

test('what is shipped is under a licence of the list, or named as an exception', () => {
  expect(
    found({
      '': {},
      'node_modules/fine': { license: 'MIT' },
      'node_modules/one-of-two': { license: '(GPL-3.0 OR MIT)' },
      'node_modules/tool': { license: 'GPL-3.0', dev: true },
      'node_modules/@kafkajs/confluent-schema-registry': {},
      'node_modules/copyleft': { license: 'AGPL-3.0-only' },
      'node_modules/fine/node_modules/@scope/both': { license: 'MIT AND SSPL-1.0' },
      'node_modules/silent': {},
    }),
  ).toEqual([
    'copyleft is under AGPL-3.0-only',
    '@scope/both is under MIT AND SSPL-1.0',
    'silent names no licence',
  ])
})

test('the lock of the project passes', () => {
  expect(foreignLicences(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')))).toEqual([])
})
