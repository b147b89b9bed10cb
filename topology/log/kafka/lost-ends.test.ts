import { describe, expect, test } from 'vitest'
import { afterInit, decisionOf } from './lost-ends.ts'

const seen = (state: string, producerEpoch: number, producerId = 5) => ({ state, producerId, producerEpoch })
const known = (committed: boolean, producerEpoch: number, producerId = 5) => ({
  committed,
  producerId,
  producerEpoch,
})

describe('how the last transaction was decided', () => {
  test.each([
    ['PrepareCommit', true],
    ['CompleteCommit', true],
    ['PrepareAbort', false],
    ['CompleteAbort', false],
  ])('the coordinator says it: %s', (state, committed) => {
    expect(decisionOf(seen(state, 3), undefined)).toEqual(known(committed, 3))
    expect(decisionOf(seen(state, 3), known(!committed, 3))).toEqual(known(committed, 3))
  })

  test.each(['Ongoing', 'PrepareEpochFence', 'Dead'])(
    '%s says nothing, and what was known is past',
    state => {
      expect(decisionOf(seen(state, 3), known(true, 3))).toBeUndefined()
    },
  )

  test('an id that was only initialised since, by whoever knew it, still has it', () => {
    expect(decisionOf(seen('Empty', 4), known(true, 3))).toEqual(known(true, 4))
    expect(decisionOf(seen('Empty', 4), known(false, 4))).toEqual(known(false, 4))
    expect(afterInit({ producerId: 5, producerEpoch: 4 }, known(true, 3))).toEqual(known(true, 4))
  })

  test('another one may have begun and ended something in between', () => {
    expect(decisionOf(seen('Empty', 5), known(true, 3))).toBeUndefined()
    expect(decisionOf(seen('Empty', 4, 6), known(true, 3))).toBeUndefined()
    expect(decisionOf(seen('Empty', 4), undefined)).toBeUndefined()
    expect(afterInit({ producerId: 5, producerEpoch: 5 }, known(true, 3))).toBeUndefined()
    expect(afterInit({ producerId: 6, producerEpoch: 0 }, known(true, 3))).toBeUndefined()
    expect(decisionOf(undefined, known(true, 3))).toBeUndefined()
  })
})
