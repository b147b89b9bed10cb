/** What makes a reading unusable, before it reaches a window. */
import type { SensorReading } from '../schemas/index.ts'
import type { StreamRecord } from '../topology/index.ts'

/** No watch measured before 2000; a clock that is set wrong often says 1970. */
const EARLIEST = Date.UTC(2000, 0)
/** A stamp further ahead than a day would close every open window of its device. */
const AHEAD = 86_400_000

/** Whether a watch's clock may honestly have shown this; both in milliseconds since the epoch. */
export function isCredible(stamp: number, now: number): boolean {
  return stamp >= EARLIEST && stamp <= now + AHEAD
}

/** One sentence, or nothing if the reading is usable. */
export function faultOf(reading: SensorReading, record: StreamRecord, now: number): string | undefined {
  if (record.key !== reading.deviceId)
    return `the key ${JSON.stringify(record.key)} is not the device ${reading.deviceId}`
  if (!isCredible(reading.stamp, now)) return `the stamp ${reading.stamp} is absurd`
  if (hasNonFinite(reading)) return `${nonFiniteField(reading)} is not a finite number`
  return undefined
}

/** One sum instead of nineteen comparisons: a sum is finite only if all its parts are (readings are far from overflow). */
function hasNonFinite(r: SensorReading): boolean {
  const sum =
    (r.yaw ?? 0) +
    (r.pitch ?? 0) +
    (r.roll ?? 0) +
    (r.rotationRateX ?? 0) +
    (r.rotationRateY ?? 0) +
    (r.rotationRateZ ?? 0) +
    (r.userAccelerationX ?? 0) +
    (r.userAccelerationY ?? 0) +
    (r.userAccelerationZ ?? 0) +
    (r.latitudeDistanceFromMean ?? 0) +
    (r.longitudeDistanceFromMean ?? 0) +
    (r.altitudeDistanceFromMean ?? 0) +
    (r.course ?? 0) +
    (r.speed ?? 0) +
    (r.horizontalAccuracy ?? 0) +
    (r.verticalAccuracy ?? 0)
  return !Number.isFinite(sum)
}

function nonFiniteField(reading: SensorReading): string {
  const entries = Object.entries(reading)
  return (
    entries.find(([, value]) => typeof value === 'number' && !Number.isFinite(value))?.[0] ??
    'a sum of its fields'
  )
}
