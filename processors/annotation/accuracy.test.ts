import { describe, expect, it } from 'vitest'
import { type AccuracyQuestion, type LabelledWindow, measureAccuracy } from './accuracy.ts'

const HOUR = 3_600_000
const START = Date.UTC(2026, 0, 1, 10)

function window(label: string, predicted: string, changes: Partial<LabelledWindow> = {}): LabelledWindow {
  return {
    ...{ label, predicted, confidence: 0.9, arm: 'random', modelName: 'watch', modelVersion: '1.0.0' },
    windowStart: START,
    ...changes,
  }
}

const measured = (windows: readonly LabelledWindow[], question: Partial<AccuracyQuestion> = {}) =>
  measureAccuracy(windows, { by: 'hour', ...question })

describe('accuracy on labelled windows', () => {
  it('tells precision, recall and F1 of each class, and which are taken for which', () => {
    const { randomArm } = measured([
      ...[window('walking', 'walking'), window('walking', 'walking'), window('walking', 'stairs')],
      ...[window('stairs', 'stairs'), window('typing', 'walking')],
    ])
    expect(randomArm).toMatchObject({ windows: 5, right: 3 })
    expect(randomArm.classes).toEqual([
      {
        ...{ label: 'walking', support: 3, predicted: 3, right: 2 },
        ...{ precision: 2 / 3, recall: 2 / 3, f1: 2 / 3 },
      },
      { label: 'stairs', support: 1, predicted: 2, right: 1, precision: 0.5, recall: 1, f1: 2 / 3 },
      { label: 'typing', support: 1, predicted: 0, right: 0, precision: null, recall: 0, f1: 0 },
    ])
    expect(randomArm.macroF1).toBeCloseTo((2 / 3 + 2 / 3) / 3)
    expect(randomArm.confusion).toContainEqual({ label: 'walking', predicted: 'stairs', windows: 1 })
    expect(randomArm.confusion.reduce((sum, { windows }) => sum + windows, 0)).toBe(5)
  })

  it('says how little a few windows tell', () => {
    expect(measured([]).randomArm).toMatchObject({ windows: 0, interval: null, macroF1: null, classes: [] })
    // Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, and 0 of 20.
    const many = Array.from({ length: 263 }, (_, i) => window('a', i < 81 ? 'a' : 'b'))
    const { interval } = measured(many).randomArm
    expect([interval?.low, interval?.high]).toEqual([expect.closeTo(0.2553, 4), expect.closeTo(0.3662, 4)])
    const none = measured(Array.from({ length: 20 }, () => window('a', 'b'))).randomArm.interval
    expect([none?.low, none?.high]).toEqual([0, expect.closeTo(0.1611, 4)])
  })

  it('keeps the random arm apart from what was asked about, and releases from one another', () => {
    const windows = [
      window('a', 'a'),
      window('a', 'b', { arm: 'unsure' }),
      window('a', 'b', { modelVersion: '2.0.0' }),
      window('a', 'a', { modelVersion: '2.0.0', modelName: 'pocket' }),
    ]
    const all = measured(windows)
    expect(all.releases).toEqual([
      { name: 'watch', version: '1.0.0', randomArm: 1, queried: 1 },
      { name: 'watch', version: '2.0.0', randomArm: 1, queried: 0 },
      { name: 'pocket', version: '2.0.0', randomArm: 1, queried: 0 },
    ])
    expect([all.randomArm.windows, all.randomArm.right, all.queried.windows]).toEqual([3, 2, 1])
    const one = measured(windows, { release: { name: 'watch', version: '2.0.0' } })
    expect([one.randomArm.windows, one.randomArm.right, one.queried.windows]).toEqual([1, 0, 0])
    expect(one.releases).toEqual(all.releases)
  })

  it('goes by event time, of hours or days, and tells the last thousand', () => {
    const windows = [2 * HOUR, 0, HOUR - 1, 14 * HOUR].map((after, i) =>
      window('a', i === 0 ? 'b' : 'a', { windowStart: START + after }),
    )
    expect(measured(windows).randomArm.overTime).toEqual([
      { start: START, windows: 2, right: 2 },
      { start: START + 2 * HOUR, windows: 1, right: 0 },
      { start: START + 14 * HOUR, windows: 1, right: 1 },
    ])
    expect(measured(windows, { by: 'day' }).randomArm.overTime).toEqual([
      { start: START - 10 * HOUR, windows: 3, right: 2 },
      { start: START + 14 * HOUR, windows: 1, right: 1 },
    ])
    const long = Array.from({ length: 1200 }, (_, i) => window('a', 'a', { windowStart: START + i * HOUR }))
    const { overTime } = measured(long).randomArm
    expect([overTime.length, overTime.at(-1)?.start]).toEqual([1000, START + 1199 * HOUR])
  })

  it('compares probabilities with how often they were right, in 15 bins, of windows that have one', () => {
    const windows = [
      ...Array.from({ length: 10 }, (_, i) => window('a', i < 6 ? 'a' : 'b', { confidence: 0.7 })),
      ...Array.from({ length: 10 }, () => window('a', 'a', { confidence: 1 })),
      window('a', 'b', { confidence: 0 }),
      window('a', 'b', { confidence: null }),
    ]
    const { calibration } = measured(windows).randomArm
    expect(calibration.windows).toBe(21)
    expect(calibration.error).toBeCloseTo(1 / 21)
    expect(calibration.bins).toHaveLength(15)
    expect(calibration.bins[10]).toMatchObject({ windows: 10, right: 6, confidence: expect.closeTo(0.7) })
    expect(calibration.bins[14]).toMatchObject({ windows: 10, right: 10, confidence: 1 })
    expect(calibration.bins[0]).toMatchObject({ windows: 1, right: 0, confidence: 0 })
    expect(calibration.bins[5]).toMatchObject({ windows: 0, confidence: null })
  })
})
