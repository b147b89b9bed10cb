import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { reference, referencePath } from './reference.ts'

test('docs/configuration.md is what the settings say now (else: npm run generate)', async () => {
  expect(readFileSync(referencePath, 'utf8')).toBe(await reference())
})
