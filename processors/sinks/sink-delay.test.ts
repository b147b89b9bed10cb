import { expect, test } from 'vitest'
import { SinkDelay } from './sink-delay.ts'

test('is that of the oldest record that waits', () => {
  const delay = new SinkDelay()
  expect(delay.at(5)).toBe(0)
  delay.saw(0, 10, 1_000)
  delay.saw(0, 10, 2_000)
  delay.saw(1, 7, 2_000)
  delay.saw(0, 20, 3_000)
  expect(delay.at(4_000)).toBe(3_000)
  delay.wrote(0, 9)
  expect(delay.at(4_000)).toBe(3_000)
  delay.wrote(0, 10)
  expect(delay.at(4_000)).toBe(2_000)
  delay.wrote(1, 7)
  expect(delay.at(4_000)).toBe(1_000)
  delay.wrote(0, 20)
  expect(delay.at(9_000)).toBe(0)
})

test('another sink’s partitions do not count', () => {
  const delay = new SinkDelay()
  delay.saw(0, 1, 0)
  delay.saw(1, 1, 500)
  delay.keep([1])
  expect(delay.at(1_000)).toBe(500)
})

test('a long outage takes little memory, and keeps its beginning', () => {
  const delay = new SinkDelay()
  for (let second = 0; second < 100_000; second++) delay.saw(0, second + 1, second * 1_000)
  expect(delay.at(100_000_000)).toBe(100_000_000)
  delay.wrote(0, 50_000)
  expect(delay.at(100_000_000)).toBeGreaterThanOrEqual(50_000_000)
  expect(delay.at(100_000_000)).toBeLessThan(52_000_000)
})
