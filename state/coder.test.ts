import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readInt64, writeInt64 } from './coder.ts'

test('numbers become the bytes of their bigints, and come back', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), value => {
      const [bytes, expected] = [Buffer.alloc(9), Buffer.alloc(9)]
      writeInt64(bytes, value, 1)
      expected.writeBigInt64BE(BigInt(value), 1)
      expect(bytes).toEqual(expected)
      expect(readInt64(bytes, 1)).toBe(value)
    }),
  )
})

test('what is no such number is refused', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1.5, 2 ** 53])
    expect(() => writeInt64(Buffer.alloc(8), value, 0)).toThrow(RangeError)
})
