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
  decode(bytes, at = 0) {
    input.begin(bytes, at)
    const value = readSensorReading()
    input.finish()
    return value
  },
}

function readSensorReading(): SensorReading {
  const $deviceId = input.string()
  const $stamp = input.long()
  const $yaw = (input.index(2) === 0 ? null : input.double())
  const $pitch = (input.index(2) === 0 ? null : input.double())
  const $roll = (input.index(2) === 0 ? null : input.double())
  const $rotationRateX = (input.index(2) === 0 ? null : input.double())
  const $rotationRateY = (input.index(2) === 0 ? null : input.double())
  const $rotationRateZ = (input.index(2) === 0 ? null : input.double())
  const $userAccelerationX = (input.index(2) === 0 ? null : input.double())
  const $userAccelerationY = (input.index(2) === 0 ? null : input.double())
  const $userAccelerationZ = (input.index(2) === 0 ? null : input.double())
  const $locationType = (input.index(2) === 0 ? null : input.string())
  const $latitudeDistanceFromMean = (input.index(2) === 0 ? null : input.double())
  const $longitudeDistanceFromMean = (input.index(2) === 0 ? null : input.double())
  const $altitudeDistanceFromMean = (input.index(2) === 0 ? null : input.double())
  const $course = (input.index(2) === 0 ? null : input.double())
  const $speed = (input.index(2) === 0 ? null : input.double())
  const $horizontalAccuracy = (input.index(2) === 0 ? null : input.double())
  const $verticalAccuracy = (input.index(2) === 0 ? null : input.double())
  const $batteryState = (input.index(2) === 0 ? null : input.string())
  const $userActivityLabel = (input.index(2) === 0 ? null : input.string())
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
