import { describe, expect, test } from 'vitest'
import { str } from '../values.ts'
import { aggregator } from './aggregators.ts'
import { joiner } from './joiners.ts'
import { keyFunction } from './key-functions.ts'
import { manyFunction } from './many-functions.ts'
import { predicate } from './predicates.ts'
import { reducer } from './reducers.ts'
import { valueFunction } from './value-functions.ts'

const windowed = { key: 'w1', start: 0, end: 1000 }
const text = { inner: 'string', windowed: false } as const

test('str', () => {
  expect(['a', -3, 0.5, null, windowed].map(str)).toEqual(['a', '-3', '0.5', 'null', 'w1@0-1000'])
})

describe('predicates', () => {
  test.each([
    ['always', null, 'k', true],
    ['never', 1, 'k', false],
    ['isNull', null, 'k', true],
    ['isNull', 0, 'k', false],
    ['notNull', 0, 'k', true],
    ['notNull', null, 'k', false],
    ['keyNotNull', null, 'k', true],
    ['keyNotNull', 1, null, false],
    ['keyIs:w1', 1, windowed, true],
    ['keyIs:null', 1, null, false],
    ['keyStartsWith:w', 1, windowed, true],
    ['keyStartsWith:n', 1, null, false],
    ['gt:3', 4, 'k', true],
    ['gt:3', 3, 'k', false],
    ['gt:-1', null, 'k', false],
    ['lt:3', 2, 'k', true],
    ['lt:3', null, 'k', false],
    ['even', -2, 'k', true],
    ['even', -1, 'k', false],
    ['even', null, 'k', false],
    ['eq:5', 5, 'k', true],
    ['eq:null', null, 'k', false],
    ['startsWith:ab', 'abc', 'k', true],
    ['startsWith:n', null, 'k', false],
    ['contains:|', 'a|b', 'k', true],
    ['contains:a:b', 'xa:by', 'k', true],
    ['contains:u', null, 'k', false],
  ])('%s of %j at %j: %j', (spec, value, key, result) => {
    expect(predicate(spec)(value, key)).toBe(result)
  })
})

describe('value functions', () => {
  test.each([
    ['same', 'a', 'a', 'string'],
    ['same', null, null, 'string'],
    ['upper', 'aB', 'AB', 'string'],
    ['append:!', 'a', 'a!', 'string'],
    ['append:!', null, null, 'string'],
    ['first:2', 'abc', 'ab', 'string'],
    ['first:2', 'a', 'a', 'string'],
    ['length', '😀', 2, 'long'],
    ['length', null, null, 'long'],
    ['parseLong', '-12', -12, 'long'],
    ['add:2', 3, 5, 'long'],
    ['mul:3', 3, 9, 'long'],
    ['mod:3', -1, 2, 'long'],
    ['mod:3', 3, 0, 'long'],
    ['half', 3, 1.5, 'double'],
    ['ratio', '1/4', 0.25, 'double'],
    ['nullIf:abc', 'abc', null, 'string'],
    ['nullIf:abc', 'ab', 'ab', 'string'],
    ['nullIfGt:5', 6, null, 'long'],
    ['nullIfGt:5', 5, 5, 'long'],
    ['field:1', 'a|b', 'b', 'string'],
    ['field:1', 'a|', null, 'string'],
    ['field:1', 'a', null, 'string'],
    ['str', null, 'null', 'string'],
    ['str', 7, '7', 'string'],
    ['orElse:none', null, 'none', 'string'],
    ['orElse:none', 'a', 'a', 'string'],
    ['keyAndValue', null, 'w1@0-1000=null', 'string'],
    ['one', null, 1, 'long'],
  ])('%s of %j: %j, a %s', (spec, value, result, type) => {
    const f = valueFunction(spec)
    expect(f.apply(value, windowed)).toBe(result)
    expect(f.type('string')).toBe(type)
  })
})

describe('key functions', () => {
  test.each([
    ['same', 'v', windowed, windowed],
    ['value', 7, 'k', 7],
    ['value', null, 'k', null],
    ['firstChar', 'abc', 'k', 'a'],
    ['firstChar', null, 'k', null],
    ['prefix:2', 'abc', 'k', 'ab'],
    ['field:0', 'a|b', 'k', 'a'],
    ['nullIf:x', 'x', 'k', null],
    ['nullIf:x', 5, 'k', '5'],
    ['bucket:3', -1, 'k', 'b2'],
    ['bucket:3', null, 'k', null],
    ['keyPrefix:1', null, windowed, 'w'],
    ['keyPrefix:1', 1, null, null],
    ['keySuffix:-z', null, 'k', 'k-z'],
    ['keySuffix:-z', 1, null, null],
    ['innerKey', null, windowed, 'w1'],
    ['windowStr', null, windowed, 'w1@0-1000'],
    ['const:x', null, 'k', 'x'],
    ['null', 1, 'k', null],
  ])('%s of %j at %j: %j', (spec, value, key, result) => {
    expect(keyFunction(spec).apply(value, key)).toEqual(result)
  })

  test('types', () => {
    const key = { inner: 'long', windowed: true } as const
    expect(keyFunction('same').type(key, 'double')).toEqual(key)
    expect(keyFunction('value').type(key, 'double')).toEqual({ inner: 'double', windowed: false })
    expect(keyFunction('innerKey').type(key, 'double')).toEqual({ inner: 'long', windowed: false })
    expect(keyFunction('bucket:2').type(key, 'double')).toEqual(text)
  })
})

test('many functions', () => {
  const many = (spec: string, value: string | number | null) => manyFunction(spec).apply(value, 'k')
  expect(many('splitWords', ' a  b')).toEqual([
    ['a', 'a'],
    ['b', 'b'],
  ])
  expect(many('splitWords', null)).toEqual([])
  expect(many('repeat:2', null)).toEqual([
    ['k#0', null],
    ['k#1', null],
  ])
  expect(many('upTo', 2)).toEqual([
    ['k', 0],
    ['k', 1],
  ])
  expect(many('upTo', null)).toEqual([])
  expect(many('upTo', -1)).toEqual([])
  expect(manyFunction('upTo').type('string')).toBe('long')
  expect(manyFunction('repeat:2').type('double')).toBe('double')
})

describe('reducers', () => {
  test.each([
    ['sum', 2, 3, 5],
    ['sum', null, 3, 3],
    ['subtract', 2, 3, -1],
    ['min', 2, null, 0],
    ['max', -2, null, 0],
    ['concat', 'a', null, 'anull'],
    ['remove', 'abcabc', 'bc', 'aabc'],
    ['remove', 'abc', 'x', 'abc'],
    ['last', 'a', 'b', 'b'],
    ['keep', 'a', 'b', 'a'],
    ['nullIfEqual', 'a', 'a', null],
    ['nullIfEqual', 'a', 'b', 'b'],
  ])('%s of %j and %j: %j', (spec, a, b, result) => {
    expect(reducer(spec).apply(a, b)).toBe(result)
  })
})

describe('aggregators', () => {
  /** Adds the values one after the other. */
  function added(spec: string, ...values: (string | number | null)[]): string | number | null {
    const { initial, add } = aggregator(spec)
    return values.reduce((soFar, value) => add(soFar, value, windowed), initial)
  }

  test.each([
    ['sum', [1, null, 2], 3],
    ['countLong', [1, null, 2], 3],
    ['sumFrom:100', [1, 2], 103],
    ['sumOrReset', [1, 2], 3],
    ['sumOrReset', [1, -2], null],
    ['sumOrReset', [-2, 5], 5],
    ['concat', [1, null], '1;null;'],
    ['keyedConcat', [1], 'w1:1;'],
    ['distinct', ['b', 'a', 'b', 'Z'], 'Z,a,b'],
    ['mean', [3, null], '3/2'],
  ])('%s adds %j to %j', (spec, values, result) => {
    expect(added(spec, ...values)).toBe(result)
  })

  test.each([
    ['sum', 5, 2, 3],
    ['countLong', 5, 2, 4],
    ['sumFrom:100', 105, 5, 100],
    ['concat', '1;2;1;', 1, '2;1;'],
    ['keyedConcat', 'w1:1;w1:2;', 2, 'w1:1;'],
    ['mean', '5/2', 2, '3/1'],
  ])('%s: %j minus %j is %j', (spec, soFar, value, result) => {
    expect(aggregator(spec).subtract(soFar, value, windowed)).toBe(result)
  })

  test.each([
    ['sum', 1, 2, 3],
    ['countLong', 1, 2, 3],
    ['sumFrom:100', 101, 102, 103],
    ['sumOrReset', null, 2, 2],
    ['concat', '1;', '2;', '1;2;'],
    ['distinct', 'a,c', 'b,c', 'a,b,c'],
    ['distinct', '', 'b', 'b'],
    ['mean', '3/2', '4/1', '7/3'],
  ])('%s merges %j and %j into %j', (spec, a, b, result) => {
    expect(aggregator(spec).merge(a, b)).toBe(result)
  })

  test('what cannot be taken away is refused', () => {
    expect(() => aggregator('distinct').subtract('a', 'a', 'k')).toThrow('cannot take a value away')
  })
})

test('joiners', () => {
  const joined = (spec: string) => joiner(spec).apply('l', null, 'k')
  expect(joined('concat')).toBe('l+null')
  expect(joined('keyConcat')).toBe('k:l+null')
  expect(joined('left')).toBe('l')
  expect(joined('right')).toBeNull()
  expect(joiner('sum').apply(1, null, 'k')).toBe(1)
  expect(joiner('right').type('string', 'double')).toBe('double')
  expect(joiner('sum').type('string', 'double')).toBe('long')
})

test.each([
  ['unknown', 'unknown predicate unknown'],
  ['toString', 'unknown predicate toString'],
  ['gt', 'gt lacks its argument'],
  ['gt:x', 'gt:x: the argument is no number'],
])('%s is no predicate', (spec, message) => {
  expect(() => predicate(spec)).toThrow(message)
})
