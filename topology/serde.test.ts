import { expect, test } from 'vitest'
import { deserializing, readerOf } from '../state/coder.ts'
import { double, long, type Serde, string } from './serde.ts'

const among = (bytes: Buffer): readonly [Buffer, number, number] => [
  Buffer.concat([Buffer.from('before'), bytes, Buffer.from('behind')]),
  6,
  6 + bytes.length,
]

function isReadWhereItLies<T>(serde: Serde<T>, value: T): void {
  const bytes = serde.serialize(value)
  expect(readerOf(serde)(...among(bytes))).toBe(value)
  expect(serde.deserialize(bytes)).toBe(value)
}

test.each([
  ['a text', 'watch-0001'],
  ['the same text, which is recalled', 'watch-0001'],
  ['another', 'watch-0002'],
  ['one that is not ASCII', 'Uhr-ß-€-😀'],
  ['a long one', 'x'.repeat(100)],
  ['an empty one', ''],
])('%s is read where it lies', (_what, text) => isReadWhereItLies(string, text))

test('a number is read where it lies', () => {
  isReadWhereItLies(long, -(2 ** 40))
  isReadWhereItLies(double, 0.1)
})

test('who replaces how a serde deserializes replaces also how it reads bytes where they lie', () => {
  const upper: Serde<string> = { ...string, deserialize: bytes => bytes.toString('utf8').toUpperCase() }
  expect(readerOf(upper)(...among(Buffer.from('abc')))).toBe('ABC')
  const read: Serde<string> = { ...string, deserialize: deserializing((_bytes, at, end) => `${at} ${end}`) }
  expect(readerOf(read)(...among(Buffer.from('abc')))).toBe('6 9')
  expect(read.deserialize(Buffer.from('abc'))).toBe('0 3')
})

test('any texts, in any order, are what Node makes of their bytes', () => {
  const texts = Array.from({ length: 5000 }, (_, i) => `device-${(i * 7919) % 3001}${i % 7 === 0 ? 'é' : ''}`)
  for (const text of [...texts, ...texts]) {
    const bytes = Buffer.from(text)
    expect(string.deserialize(bytes)).toBe(bytes.toString('utf8'))
  }
})
