import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DIRECTORIES, generate } from './generate.ts'

describe.each(DIRECTORIES)('%s', directory => {
  const expected = generate(directory)
  const generated = join(directory, 'generated')

  test('every generated file belongs to a schema', () => {
    expect(readdirSync(generated).sort()).toEqual([...expected.keys()].sort())
  })

  test.each([...expected])(
    'generated/%s is what the generator writes now (else: npm run generate)',
    (name, contents) => {
      expect(readFileSync(join(generated, name), 'utf8')).toBe(contents)
    },
  )
})

test.each(readdirSync(import.meta.dirname).filter(name => name.endsWith('.avsc')))(
  '%s documents every field',
  name => {
    const schema = JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8'))
    expect(schema.doc).toMatch(/\w/)
    for (const field of schema.fields) expect(`${field.name}: ${field.doc ?? ''}`).toMatch(/: .*\w/)
  },
)
