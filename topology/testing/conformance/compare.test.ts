import { describe, expect, test } from 'vitest'
import type { OutputRecord } from './case.ts'
import { compare, type Outcome } from './compare.ts'

const right: readonly OutputRecord[] = [
  [0, 'a', 1, 10],
  [0, 'b', 2.5, 10],
  [0, 'a', 3, 11, [['x', '1']]],
  [2, ['a', 0, 1000], null, 999],
  [2, null, 'text', 999],
]

function outcome(out: readonly OutputRecord[]): Outcome {
  return { output: { out, other: [] }, peeked: { seen: [[1, 'a', 1]] }, stores: { agg: [['a', 1, 10]] } }
}

/** The right records with one place changed; undefined removes the record there. */
function changed(index: number, ...records: OutputRecord[]): readonly OutputRecord[] {
  return [...right.slice(0, index), ...records, ...right.slice(index + 1)]
}

const mutations: Readonly<Record<string, readonly OutputRecord[]>> = {
  'another value': changed(1, [0, 'b', 2, 10]),
  'a double that is a little different': changed(1, [0, 'b', 2.5000000000000004, 10]),
  'a number as text': changed(0, [0, 'a', '1', 10]),
  'the text null': changed(3, [2, ['a', 0, 1000], 'null', 999]),
  'another key': changed(0, [0, 'c', 1, 10]),
  'another window': changed(3, [2, ['a', 0, 1001], null, 999]),
  'a key out of its window': changed(3, [2, 'a', null, 999]),
  'another timestamp': changed(4, [2, null, 'text', 998]),
  'a later step': changed(4, [3, null, 'text', 999]),
  'a missing record': changed(2),
  'a missing last record': changed(4),
  'an extra record': [...right, [2, 'z', 1, 1]],
  'a record twice': changed(1, right[1]!, right[1]!),
  'order within a key': [right[2]!, right[1]!, right[0]!, right[3]!, right[4]!],
  'a missing header': changed(2, [0, 'a', 3, 11]),
  'an extra header': changed(0, [0, 'a', 1, 10, [['x', '1']]]),
  'another header': changed(2, [0, 'a', 3, 11, [['x', '2']]]),
  'nothing at all': [],
}

describe.each(['strict', 'lenient'] as const)('%s comparison', level => {
  test('finds equal what is equal', () => {
    expect(compare(outcome(right), outcome([...right]), level)).toBeUndefined()
  })

  test.each(Object.entries(mutations))('catches %s', (_, wrong) => {
    expect(compare(outcome(right), outcome(wrong), level)).toMatchObject({ where: 'topic out' })
  })

  test('catches wrong logs', () => {
    const wrong: Outcome = { ...outcome(right), peeked: { seen: [[2, 'a', 1]] } }
    expect(compare(outcome(right), wrong, level)).toMatchObject({ where: 'log seen', step: 1 })
  })

  const wrongStores: readonly [what: string, stores: Outcome['stores']][] = [
    ['a value', { agg: [['a', 2, 10]] }],
    ['a timestamp', { agg: [['a', 1, 11]] }],
    ['an entry', { agg: [] }],
    ['a store', {}],
  ]
  test.each(wrongStores)('catches %s of the final stores', (_, stores) => {
    const wrong: Outcome = { ...outcome(right), stores }
    expect(compare(outcome(right), wrong, level)).toMatchObject({ where: 'store agg', step: undefined })
  })

  test('takes a topic without records for an absent one', () => {
    const { other: _, ...output } = outcome(right).output
    expect(compare(outcome(right), { ...outcome(right), output }, level)).toBeUndefined()
  })
})

test('the order across keys within a step matters to a strict comparison only', () => {
  const swapped = [right[1]!, right[0]!, right[2]!, right[4]!, right[3]!]
  expect(compare(outcome(right), outcome(swapped), 'lenient')).toBeUndefined()
  expect(compare(outcome(right), outcome(swapped), 'strict')).toEqual({
    where: 'topic out',
    step: 0,
    index: 0,
    expected: right[0],
    actual: right[1],
  })
})

test('the order of a store is never open', () => {
  const stores = (...keys: string[]): Outcome => ({
    ...outcome(right),
    stores: { agg: keys.map(key => [key, 1] as [string, number]) },
  })
  expect(compare(stores('a', 'b'), stores('b', 'a'), 'lenient')).toMatchObject({ where: 'store agg' })
})

test('the earliest step is reported, whichever topic it is in', () => {
  const expected: Outcome = { output: { a: [[5, 'k', 1, 1]], b: [[3, 'k', 1, 1]] }, peeked: {}, stores: {} }
  const actual: Outcome = { output: { a: [], b: [[4, 'k', 1, 1]] }, peeked: {}, stores: {} }
  expect(compare(expected, actual, 'strict')).toEqual({
    where: 'topic b',
    step: 3,
    index: 0,
    expected: [3, 'k', 1, 1],
    actual: [4, 'k', 1, 1],
  })
})

test('no number is equal to null', () => {
  const value = (v: number | null): Outcome => ({ output: { out: [[0, 'k', v, 1]] }, peeked: {}, stores: {} })
  expect(compare(value(null), value(Number.NaN), 'strict')).toBeDefined()
})
