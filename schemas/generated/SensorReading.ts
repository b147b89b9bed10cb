// Generated from ../SensorReading.avsc by schemas/generate.ts: do not edit.
import { input } from '../avro/input.ts'
import { output } from '../avro/output.ts'
import type { AvroType } from '../avro/type.ts'

/** One sample of a watch, as in the CASAS smartwatch files: 20 columns and the device they come from. A missing cell is null. A record without a value (a tombstone) marks the end of its device's recording. */
export interface SensorReading {
  /** The watch; also the record's key. */
  readonly deviceId: string
  /** When the sample was taken, UTC, milliseconds since the epoch; also the record's timestamp. */
  readonly stamp: number
  /** Attitude, rad; its zero is arbitrary in each session. */
  readonly yaw: number | null
  /** Attitude, rad. */
  readonly pitch: number | null
  /** Attitude, rad. */
  readonly roll: number | null
  /** Gyroscope, rad/s. */
  readonly rotationRateX: number | null
  /** Gyroscope, rad/s. */
  readonly rotationRateY: number | null
  /** Gyroscope, rad/s. */
  readonly rotationRateZ: number | null
  /** Acceleration without gravity, G. */
  readonly userAccelerationX: number | null
  /** Acceleration without gravity, G. */
  readonly userAccelerationY: number | null
  /** Acceleration without gravity, G. */
  readonly userAccelerationZ: number | null
  /** Kind of place, where the location was known. */
  readonly locationType: string | null
  /** Degrees from the wearer's mean latitude. */
  readonly latitudeDistanceFromMean: number | null
  /** Degrees from the wearer's mean longitude. */
  readonly longitudeDistanceFromMean: number | null
  /** Metres from the wearer's mean altitude. */
  readonly altitudeDistanceFromMean: number | null
  /** Direction of travel, degrees from north. */
  readonly course: number | null
  /** m/s. */
  readonly speed: number | null
  /** Of the location, m. */
  readonly horizontalAccuracy: number | null
  /** Of the altitude, m. */
  readonly verticalAccuracy: number | null
  /** unplugged, charging or full. */
  readonly batteryState: string | null
  /** What the wearer said they did, where they said it. */
  readonly userActivityLabel: string | null
}

export const SensorReading: AvroType<SensorReading> = {
  name: 'tickerwatch.SensorReading',
  schema: {"type":"record","name":"SensorReading","namespace":"tickerwatch","doc":"One sample of a watch, as in the CASAS smartwatch files: 20 columns and the device they come from. A missing cell is null. A record without a value (a tombstone) marks the end of its device's recording.","fields":[{"name":"deviceId","type":"string","doc":"The watch; also the record's key."},{"name":"stamp","type":{"type":"long","logicalType":"timestamp-millis"},"doc":"When the sample was taken, UTC, milliseconds since the epoch; also the record's timestamp."},{"name":"yaw","type":["null","double"],"default":null,"doc":"Attitude, rad; its zero is arbitrary in each session."},{"name":"pitch","type":["null","double"],"default":null,"doc":"Attitude, rad."},{"name":"roll","type":["null","double"],"default":null,"doc":"Attitude, rad."},{"name":"rotationRateX","type":["null","double"],"default":null,"doc":"Gyroscope, rad/s."},{"name":"rotationRateY","type":["null","double"],"default":null,"doc":"Gyroscope, rad/s."},{"name":"rotationRateZ","type":["null","double"],"default":null,"doc":"Gyroscope, rad/s."},{"name":"userAccelerationX","type":["null","double"],"default":null,"doc":"Acceleration without gravity, G."},{"name":"userAccelerationY","type":["null","double"],"default":null,"doc":"Acceleration without gravity, G."},{"name":"userAccelerationZ","type":["null","double"],"default":null,"doc":"Acceleration without gravity, G."},{"name":"locationType","type":["null","string"],"default":null,"doc":"Kind of place, where the location was known."},{"name":"latitudeDistanceFromMean","type":["null","double"],"default":null,"doc":"Degrees from the wearer's mean latitude."},{"name":"longitudeDistanceFromMean","type":["null","double"],"default":null,"doc":"Degrees from the wearer's mean longitude."},{"name":"altitudeDistanceFromMean","type":["null","double"],"default":null,"doc":"Metres from the wearer's mean altitude."},{"name":"course","type":["null","double"],"default":null,"doc":"Direction of travel, degrees from north."},{"name":"speed","type":["null","double"],"default":null,"doc":"m/s."},{"name":"horizontalAccuracy","type":["null","double"],"default":null,"doc":"Of the location, m."},{"name":"verticalAccuracy","type":["null","double"],"default":null,"doc":"Of the altitude, m."},{"name":"batteryState","type":["null","string"],"default":null,"doc":"unplugged, charging or full."},{"name":"userActivityLabel","type":["null","string"],"default":null,"doc":"What the wearer said they did, where they said it."}]},
  fingerprint: '063d82c8cbf3dd3a',
  encode(value, headroom = 0) {
    output.begin(headroom)
    writeSensorReading(value, 'SensorReading')
    return output.finish()
  },
  decode(bytes, at = 0, end = bytes.length) {
    input.begin(bytes, at, end)
    const value = readSensorReading()
    input.finish()
    return value
  },
}

function readSensorReading(): SensorReading {
  let $deviceId: string
  let $stamp: number
  let $yaw: number | null
  let $pitch: number | null
  let $roll: number | null
  let $rotationRateX: number | null
  let $rotationRateY: number | null
  let $rotationRateZ: number | null
  let $userAccelerationX: number | null
  let $userAccelerationY: number | null
  let $userAccelerationZ: number | null
  let $locationType: string | null
  let $latitudeDistanceFromMean: number | null
  let $longitudeDistanceFromMean: number | null
  let $altitudeDistanceFromMean: number | null
  let $course: number | null
  let $speed: number | null
  let $horizontalAccuracy: number | null
  let $verticalAccuracy: number | null
  let $batteryState: string | null
  let $userActivityLabel: string | null
  const { bytes, view, base, end } = input
  let at = input.at
  input.at = at; $deviceId = input.string(); at = input.at
  input.at = at; $stamp = input.long(); at = input.at
  if (bytes[at] === 2 && at + 9 <= end) { $yaw = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $yaw = null; at++ } else { input.at = at; $yaw = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $pitch = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $pitch = null; at++ } else { input.at = at; $pitch = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $roll = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $roll = null; at++ } else { input.at = at; $roll = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $rotationRateX = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $rotationRateX = null; at++ } else { input.at = at; $rotationRateX = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $rotationRateY = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $rotationRateY = null; at++ } else { input.at = at; $rotationRateY = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $rotationRateZ = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $rotationRateZ = null; at++ } else { input.at = at; $rotationRateZ = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $userAccelerationX = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $userAccelerationX = null; at++ } else { input.at = at; $userAccelerationX = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $userAccelerationY = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $userAccelerationY = null; at++ } else { input.at = at; $userAccelerationY = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $userAccelerationZ = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $userAccelerationZ = null; at++ } else { input.at = at; $userAccelerationZ = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 0 && at < end) { $locationType = null; at++ } else { input.at = at; $locationType = (input.index(2) === 0 ? null : input.string()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $latitudeDistanceFromMean = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $latitudeDistanceFromMean = null; at++ } else { input.at = at; $latitudeDistanceFromMean = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $longitudeDistanceFromMean = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $longitudeDistanceFromMean = null; at++ } else { input.at = at; $longitudeDistanceFromMean = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $altitudeDistanceFromMean = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $altitudeDistanceFromMean = null; at++ } else { input.at = at; $altitudeDistanceFromMean = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $course = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $course = null; at++ } else { input.at = at; $course = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $speed = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $speed = null; at++ } else { input.at = at; $speed = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $horizontalAccuracy = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $horizontalAccuracy = null; at++ } else { input.at = at; $horizontalAccuracy = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $verticalAccuracy = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $verticalAccuracy = null; at++ } else { input.at = at; $verticalAccuracy = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 0 && at < end) { $batteryState = null; at++ } else { input.at = at; $batteryState = (input.index(2) === 0 ? null : input.string()); at = input.at }
  if (bytes[at] === 0 && at < end) { $userActivityLabel = null; at++ } else { input.at = at; $userActivityLabel = (input.index(2) === 0 ? null : input.string()); at = input.at }
  input.at = at
  return {
    deviceId: $deviceId,
    stamp: $stamp,
    yaw: $yaw,
    pitch: $pitch,
    roll: $roll,
    rotationRateX: $rotationRateX,
    rotationRateY: $rotationRateY,
    rotationRateZ: $rotationRateZ,
    userAccelerationX: $userAccelerationX,
    userAccelerationY: $userAccelerationY,
    userAccelerationZ: $userAccelerationZ,
    locationType: $locationType,
    latitudeDistanceFromMean: $latitudeDistanceFromMean,
    longitudeDistanceFromMean: $longitudeDistanceFromMean,
    altitudeDistanceFromMean: $altitudeDistanceFromMean,
    course: $course,
    speed: $speed,
    horizontalAccuracy: $horizontalAccuracy,
    verticalAccuracy: $verticalAccuracy,
    batteryState: $batteryState,
    userActivityLabel: $userActivityLabel,
  }
}

function writeSensorReading(value: SensorReading, field: string): void {
  output.record(value, field)
  output.string(value.deviceId, 'SensorReading.deviceId')
  output.long(value.stamp, 'SensorReading.stamp')
  if (value.yaw === null) output.index(0); else { output.index(1); output.double(value.yaw, 'SensorReading.yaw') }
  if (value.pitch === null) output.index(0); else { output.index(1); output.double(value.pitch, 'SensorReading.pitch') }
  if (value.roll === null) output.index(0); else { output.index(1); output.double(value.roll, 'SensorReading.roll') }
  if (value.rotationRateX === null) output.index(0); else { output.index(1); output.double(value.rotationRateX, 'SensorReading.rotationRateX') }
  if (value.rotationRateY === null) output.index(0); else { output.index(1); output.double(value.rotationRateY, 'SensorReading.rotationRateY') }
  if (value.rotationRateZ === null) output.index(0); else { output.index(1); output.double(value.rotationRateZ, 'SensorReading.rotationRateZ') }
  if (value.userAccelerationX === null) output.index(0); else { output.index(1); output.double(value.userAccelerationX, 'SensorReading.userAccelerationX') }
  if (value.userAccelerationY === null) output.index(0); else { output.index(1); output.double(value.userAccelerationY, 'SensorReading.userAccelerationY') }
  if (value.userAccelerationZ === null) output.index(0); else { output.index(1); output.double(value.userAccelerationZ, 'SensorReading.userAccelerationZ') }
  if (value.locationType === null) output.index(0); else { output.index(1); output.string(value.locationType, 'SensorReading.locationType') }
  if (value.latitudeDistanceFromMean === null) output.index(0); else { output.index(1); output.double(value.latitudeDistanceFromMean, 'SensorReading.latitudeDistanceFromMean') }
  if (value.longitudeDistanceFromMean === null) output.index(0); else { output.index(1); output.double(value.longitudeDistanceFromMean, 'SensorReading.longitudeDistanceFromMean') }
  if (value.altitudeDistanceFromMean === null) output.index(0); else { output.index(1); output.double(value.altitudeDistanceFromMean, 'SensorReading.altitudeDistanceFromMean') }
  if (value.course === null) output.index(0); else { output.index(1); output.double(value.course, 'SensorReading.course') }
  if (value.speed === null) output.index(0); else { output.index(1); output.double(value.speed, 'SensorReading.speed') }
  if (value.horizontalAccuracy === null) output.index(0); else { output.index(1); output.double(value.horizontalAccuracy, 'SensorReading.horizontalAccuracy') }
  if (value.verticalAccuracy === null) output.index(0); else { output.index(1); output.double(value.verticalAccuracy, 'SensorReading.verticalAccuracy') }
  if (value.batteryState === null) output.index(0); else { output.index(1); output.string(value.batteryState, 'SensorReading.batteryState') }
  if (value.userActivityLabel === null) output.index(0); else { output.index(1); output.string(value.userActivityLabel, 'SensorReading.userActivityLabel') }
}
