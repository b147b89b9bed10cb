import { expect, test } from 'vitest'
import type { SensorReading } from '../../schemas/index.ts'
import { mixed, WindowLabels } from './window-labels.ts'

const reading = (stamp: number, userActivityLabel: string | null, deviceId = 'w1'): SensorReading => ({
  deviceId,
  stamp,
  yaw: null,
  pitch: null,
  roll: null,
  rotationRateX: null,
  rotationRateY: null,
  rotationRateZ: null,
  userAccelerationX: null,
  userAccelerationY: null,
  userAccelerationZ: null,
  locationType: null,
  latitudeDistanceFromMean: null,
  longitudeDistanceFromMean: null,
  altitudeDistanceFromMean: null,
  course: null,
  speed: null,
  horizontalAccuracy: null,
  verticalAccuracy: null,
  batteryState: null,
  userActivityLabel,
})

test('a window has the label that all its readings share, and each is told once', () => {
  const labels = new WindowLabels({ size: 5000, advance: 2500 })
  for (let stamp = 10_000; stamp < 20_000; stamp += 100)
    labels.add(reading(stamp, stamp < 15_000 ? 'sitting' : 'standing'))
  expect([7500, 10_000, 12_500, 15_000, 17_500].map(start => labels.take('w1', start))).toEqual([
    'sitting',
    'sitting',
    mixed,
    'standing',
    'standing',
  ])
  expect(labels.take('w1', 10_000)).toBeNull()
})

test('readings with a label and readings without one do not share one', () => {
  const labels = new WindowLabels({ size: 5000, advance: 2500 })
  for (const [stamp, label] of [
    [0, 'sitting'],
    [100, null],
    [200, 'sitting'],
  ] as const)
    labels.add(reading(stamp, label))
  labels.add(reading(300, null, 'w2'))
  labels.add(reading(300, null, 'w3'))
  labels.add(reading(400, 'sitting', 'w3'))
  expect(labels.take('w1', 0)).toBe(mixed)
  expect(labels.take('w2', 0)).toBeNull()
  expect(labels.take('w3', 0)).toBe(mixed)
})
