import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { GENERATED, generate } from './generate.ts'

const expected = generate()

test('every generated file belongs to a schema', () => {
  expect(readdirSync(GENERATED).sort()).toEqual([...expected.keys()].sort())
})

test.each([...expected])(
  'generated/%s is what the generator writes now (else: npm run generate)',
  (name, contents) => {
    expect(readFileSync(join(GENERATED, name), 'utf8')).toBe(contents)
  },
)

test.each(readdirSync(import.meta.dirname).filter(name => name.endsWith('.avsc')))(
  '%s documents every field',
  name => {
    const schema = JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8'))
    expect(schema.doc).toMatch(/\w/)
    for (const field of schema.fields) expect(`${field.name}: ${field.doc ?? ''}`).toMatch(/: .*\w/)
  },
)
