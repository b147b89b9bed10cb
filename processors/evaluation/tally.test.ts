import { expect, test } from 'vitest'
import { Tally } from './tally.ts'

const sure = (label: string, confidence: number) => ({ label, confidence, route: 'sure' }) as const
const unsure = (label: string, confidence: number) => ({ label, confidence, route: 'unsure' }) as const

test('metrics are those of the confusion matrix', () => {
  const tally = new Tally(['a', 'b', 'c'])
  for (let i = 0; i < 6; i++) tally.add('a', sure('a', 0.9))
  for (let i = 0; i < 2; i++) tally.add('a', unsure('b', 0.5))
  for (let i = 0; i < 1; i++) tally.add('b', unsure('b', 0.5))
  for (let i = 0; i < 1; i++) tally.add('b', sure('a', 0.9))
  expect(tally.metrics()).toEqual({
    windows: 10,
    accuracy: 0.7,
    // c neither occurs nor was predicted.
    macroF1: (12 / 15 + 2 / 5) / 2,
    perClass: {
      a: { windows: 8, precision: 6 / 7, recall: 6 / 8, f1: 12 / 15 },
      b: { windows: 2, precision: 1 / 3, recall: 1 / 2, f1: 2 / 5 },
      c: { windows: 0, precision: null, recall: null, f1: null },
    },
    confusion: {
      labels: ['a', 'b', 'c'],
      counts: [
        [6, 2, 0],
        [1, 1, 0],
        [0, 0, 0],
      ],
    },
    routedShare: 0.3,
    routedAccuracy: 1 / 3,
    acceptedAccuracy: 6 / 7,
    // |7 · 0.9 − 6| in one bin, |3 · 0.5 − 1| in another.
    calibrationError: expect.closeTo((0.3 + 0.5) / 10, 12),
  })
})

test('a class that is predicted and never occurs counts against the macro-F1', () => {
  const tally = new Tally(['a', 'b'])
  tally.add('a', sure('a', 1))
  tally.add('a', sure('b', 1))
  expect(tally.metrics()).toMatchObject({ macroF1: (2 / 3 + 0) / 2, routedShare: 0, routedAccuracy: null })
})

test('gaps of different bins do not make up for each other, and a confidence of 1 has a bin', () => {
  const tally = new Tally(['a', 'b'])
  tally.add('a', sure('b', 1))
  tally.add('a', sure('a', 0.55))
  expect(tally.metrics().calibrationError).toBeCloseTo((1 + 0.45) / 2, 12)
})
