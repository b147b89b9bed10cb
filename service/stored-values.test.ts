import { expect, test } from 'vitest'
import { jsonOf, keyOf } from './stored-values.ts'

test('keys are text, bytes in base64, or JSON', () => {
  expect(keyOf('42', 'string')).toBe('42')
  expect(keyOf('AAEC', 'bytes')).toEqual(Buffer.from([0, 1, 2]))
  expect(keyOf('42', 'long')).toBe(42)
  expect(keyOf('{"key":"k","start":1}', 'windowed')).toEqual({ key: 'k', start: 1 })
  expect(() => keyOf('watch', 'long')).toThrow(expect.objectContaining({ code: 'STORE_KEY_UNREADABLE' }))
})

test('values are JSON, whatever they are made of', () => {
  const value = {
    bytes: Buffer.from([0, 1, 2]),
    floats: new Float32Array([0.5, Number.NaN]),
    large: 2n ** 60n,
    map: new Map([['a', [1n]]]),
    set: new Set([1]),
    at: new Date(0),
    nothing: null,
    text: 'x',
  }
  expect(JSON.parse(JSON.stringify(jsonOf(value)))).toEqual({
    bytes: 'AAEC',
    floats: [0.5, 'NaN'],
    large: '1152921504606846976',
    map: { a: ['1'] },
    set: [1],
    at: '1970-01-01T00:00:00.000Z',
    nothing: null,
    text: 'x',
  })
})
