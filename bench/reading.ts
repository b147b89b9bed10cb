import type { SensorReading } from '../schemas/index.ts'

/** A made-up reading: motion as waves of the time, everything that is often missing left out. */
export function reading(deviceId: string, stamp: number): SensorReading {
  const x = Math.sin(stamp / 300)
  return {
    deviceId,
    stamp,
    yaw: x,
    pitch: -x,
    roll: x / 2,
    rotationRateX: x,
    rotationRateY: 2 * x,
    rotationRateZ: 3 * x,
    userAccelerationX: -x,
    userAccelerationY: x / 3,
    userAccelerationZ: x / 5,
    locationType: null,
    latitudeDistanceFromMean: null,
    longitudeDistanceFromMean: null,
    altitudeDistanceFromMean: null,
    course: null,
    speed: null,
    horizontalAccuracy: null,
    verticalAccuracy: null,
    batteryState: 'unplugged',
    userActivityLabel: null,
  }
}
