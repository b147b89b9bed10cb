/** A little of `npm run fuzz`, another seed each time: and that it finds what is planted. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Decoded, fuzz, hold, type Target } from './target.ts'
import { targets } from './targets.ts'

const RUNS = 300

test.each(targets.map(target => [target.name, target] as const))('%s', async (_, target) => {
  const found = await fuzz(target, { numRuns: RUNS })
  expect(found.report).toBeUndefined()
})

/** A text behind its length: a decoder that every planted defect can be shown in. */
function planted(decode: (bytes: Buffer) => Decoded): Target {
  return {
    name: 'planted',
    right: fc.string({ maxLength: 20 }).map(text => {
      const body = Buffer.from(text, 'utf8')
      return Buffer.concat([Buffer.of(0, 0, 0, body.length), body])
    }),
    fields: [0],
    decode,
    expected: error => error instanceof Error && error.message === 'too short',
  }
}

test.each<[string, (bytes: Buffer) => Decoded, RegExp]>([
  [
    'an error of no table',
    bytes => ({ value: undefined, size: bytes.readUInt32BE() * 0 }),
    /no error of a closed table: RangeError/,
  ],
  [
    'memory for a length that is claimed',
    bytes => {
      if (bytes.length < 4) throw new Error('too short')
      return { value: Buffer.alloc(Math.min(bytes.readUInt32BE(), 2 ** 24)).length, size: 0 }
    },
    /bytes of memory were reserved/,
  ],
  [
    'more items than bytes',
    bytes => {
      if (bytes.length < 4) throw new Error('too short')
      return { value: undefined, size: bytes.readUInt32BE() }
    },
    /became \d+ items or bytes/,
  ],
  [
    'what is read anew as something else',
    bytes => ({
      value: bytes.length,
      size: 0,
      again: () => ({ value: Math.min(bytes.length, 20), size: 0 }),
    }),
    /written and read again it differs/,
  ],
])('finds %s', async (_, decode, message) => {
  const found = await fuzz(planted(decode), { numRuns: 2000, seed: 1 })
  expect(found.report).toMatch(message)
  expect(found.report).toMatch(/seed: 1, .*[\s\S]*Counterexample: \[Buffer/)
})

test('what is right holds', async () => {
  for (const target of targets)
    for (const bytes of fc.sample(target.right, { numRuns: 20, seed: 1 })) await hold(target, bytes)
})
