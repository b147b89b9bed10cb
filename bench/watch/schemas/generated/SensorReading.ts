// Generated from ../SensorReading.avsc by schemas/generate.ts: do not edit.
import { input } from '../../../../schemas/avro/input.ts'
import { output } from '../../../../schemas/avro/output.ts'
import type { AvroType } from '../../../../schemas/avro/type.ts'

export interface SensorReading {
  readonly deviceId: string
  readonly timestamp: number
  readonly yaw: number
  readonly pitch: number
  readonly roll: number
  readonly rotationRateX: number
  readonly rotationRateY: number
  readonly rotationRateZ: number
  readonly userAccelerationX: number
  readonly userAccelerationY: number
  readonly userAccelerationZ: number
  readonly latitude: number | null
  readonly longitude: number | null
  readonly altitude: number | null
  readonly course: number | null
  readonly speed: number | null
  readonly horizontalAccuracy: number | null
  readonly verticalAccuracy: number | null
  readonly activityLabel: string | null
}

export const SensorReading: AvroType<SensorReading> = {
  name: 'watch.avro.SensorReading',
  schema: {"type":"record","name":"SensorReading","namespace":"watch.avro","fields":[{"name":"deviceId","type":"string"},{"name":"timestamp","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"yaw","type":"double"},{"name":"pitch","type":"double"},{"name":"roll","type":"double"},{"name":"rotationRateX","type":"double"},{"name":"rotationRateY","type":"double"},{"name":"rotationRateZ","type":"double"},{"name":"userAccelerationX","type":"double"},{"name":"userAccelerationY","type":"double"},{"name":"userAccelerationZ","type":"double"},{"name":"latitude","type":["null","double"],"default":null},{"name":"longitude","type":["null","double"],"default":null},{"name":"altitude","type":["null","double"],"default":null},{"name":"course","type":["null","double"],"default":null},{"name":"speed","type":["null","double"],"default":null},{"name":"horizontalAccuracy","type":["null","double"],"default":null},{"name":"verticalAccuracy","type":["null","double"],"default":null},{"name":"activityLabel","type":["null","string"],"default":null}]},
  fingerprint: '790dc3a502289c74',
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
  let $timestamp: number
  let $yaw: number
  let $pitch: number
  let $roll: number
  let $rotationRateX: number
  let $rotationRateY: number
  let $rotationRateZ: number
  let $userAccelerationX: number
  let $userAccelerationY: number
  let $userAccelerationZ: number
  let $latitude: number | null
  let $longitude: number | null
  let $altitude: number | null
  let $course: number | null
  let $speed: number | null
  let $horizontalAccuracy: number | null
  let $verticalAccuracy: number | null
  let $activityLabel: string | null
  const { bytes, view, base, end } = input
  let at = input.at
  input.at = at; $deviceId = input.string(); at = input.at
  input.at = at; $timestamp = input.long(); at = input.at
  if (at + 8 <= end) { $yaw = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $yaw = input.double(); at = input.at }
  if (at + 8 <= end) { $pitch = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $pitch = input.double(); at = input.at }
  if (at + 8 <= end) { $roll = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $roll = input.double(); at = input.at }
  if (at + 8 <= end) { $rotationRateX = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $rotationRateX = input.double(); at = input.at }
  if (at + 8 <= end) { $rotationRateY = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $rotationRateY = input.double(); at = input.at }
  if (at + 8 <= end) { $rotationRateZ = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $rotationRateZ = input.double(); at = input.at }
  if (at + 8 <= end) { $userAccelerationX = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $userAccelerationX = input.double(); at = input.at }
  if (at + 8 <= end) { $userAccelerationY = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $userAccelerationY = input.double(); at = input.at }
  if (at + 8 <= end) { $userAccelerationZ = view.getFloat64(base + at, true); at += 8 } else { input.at = at; $userAccelerationZ = input.double(); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $latitude = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $latitude = null; at++ } else { input.at = at; $latitude = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $longitude = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $longitude = null; at++ } else { input.at = at; $longitude = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $altitude = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $altitude = null; at++ } else { input.at = at; $altitude = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $course = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $course = null; at++ } else { input.at = at; $course = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $speed = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $speed = null; at++ } else { input.at = at; $speed = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $horizontalAccuracy = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $horizontalAccuracy = null; at++ } else { input.at = at; $horizontalAccuracy = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 2 && at + 9 <= end) { $verticalAccuracy = view.getFloat64(base + at + 1, true); at += 9 } else if (bytes[at] === 0 && at < end) { $verticalAccuracy = null; at++ } else { input.at = at; $verticalAccuracy = (input.index(2) === 0 ? null : input.double()); at = input.at }
  if (bytes[at] === 0 && at < end) { $activityLabel = null; at++ } else { input.at = at; $activityLabel = (input.index(2) === 0 ? null : input.string()); at = input.at }
  input.at = at
  return {
    deviceId: $deviceId,
    timestamp: $timestamp,
    yaw: $yaw,
    pitch: $pitch,
    roll: $roll,
    rotationRateX: $rotationRateX,
    rotationRateY: $rotationRateY,
    rotationRateZ: $rotationRateZ,
    userAccelerationX: $userAccelerationX,
    userAccelerationY: $userAccelerationY,
    userAccelerationZ: $userAccelerationZ,
    latitude: $latitude,
    longitude: $longitude,
    altitude: $altitude,
    course: $course,
    speed: $speed,
    horizontalAccuracy: $horizontalAccuracy,
    verticalAccuracy: $verticalAccuracy,
    activityLabel: $activityLabel,
  }
}

function writeSensorReading(value: SensorReading, field: string): void {
  output.record(value, field)
  output.string(value.deviceId, 'SensorReading.deviceId')
  output.long(value.timestamp, 'SensorReading.timestamp')
  output.double(value.yaw, 'SensorReading.yaw')
  output.double(value.pitch, 'SensorReading.pitch')
  output.double(value.roll, 'SensorReading.roll')
  output.double(value.rotationRateX, 'SensorReading.rotationRateX')
  output.double(value.rotationRateY, 'SensorReading.rotationRateY')
  output.double(value.rotationRateZ, 'SensorReading.rotationRateZ')
  output.double(value.userAccelerationX, 'SensorReading.userAccelerationX')
  output.double(value.userAccelerationY, 'SensorReading.userAccelerationY')
  output.double(value.userAccelerationZ, 'SensorReading.userAccelerationZ')
  if (value.latitude === null) output.index(0); else { output.index(1); output.double(value.latitude, 'SensorReading.latitude') }
  if (value.longitude === null) output.index(0); else { output.index(1); output.double(value.longitude, 'SensorReading.longitude') }
  if (value.altitude === null) output.index(0); else { output.index(1); output.double(value.altitude, 'SensorReading.altitude') }
  if (value.course === null) output.index(0); else { output.index(1); output.double(value.course, 'SensorReading.course') }
  if (value.speed === null) output.index(0); else { output.index(1); output.double(value.speed, 'SensorReading.speed') }
  if (value.horizontalAccuracy === null) output.index(0); else { output.index(1); output.double(value.horizontalAccuracy, 'SensorReading.horizontalAccuracy') }
  if (value.verticalAccuracy === null) output.index(0); else { output.index(1); output.double(value.verticalAccuracy, 'SensorReading.verticalAccuracy') }
  if (value.activityLabel === null) output.index(0); else { output.index(1); output.string(value.activityLabel, 'SensorReading.activityLabel') }
}
