import type { ApplicationErrorCode } from '../errors.ts'

/** One sample of a watch, as schemas/SensorReading.avsc declares it. */
export interface SensorReading {
  deviceId: string
  /** Milliseconds since the epoch, UTC. */
  stamp: number
  yaw: number | null
  pitch: number | null
  roll: number | null
  rotationRateX: number | null
  rotationRateY: number | null
  rotationRateZ: number | null
  userAccelerationX: number | null
  userAccelerationY: number | null
  userAccelerationZ: number | null
  locationType: string | null
  latitudeDistanceFromMean: number | null
  longitudeDistanceFromMean: number | null
  altitudeDistanceFromMean: number | null
  course: number | null
  speed: number | null
  horizontalAccuracy: number | null
  verticalAccuracy: number | null
  batteryState: string | null
  userActivityLabel: string | null
}

/** What a source of readings, recorded or generated, has to say, in the order in which it arrives. */
export type RecordingEvent =
  | { readonly kind: 'reading'; readonly reading: SensorReading }
  | EndOfRecording
  | MalformedRow

/** A device's recording is over: nothing of it follows. */
export interface EndOfRecording {
  readonly kind: 'end'
  readonly deviceId: string
  /** Of the device's latest reading; milliseconds since the epoch, UTC. */
  readonly stamp: number
}

/** A row that is no reading. The rows after it go on. */
export interface MalformedRow {
  readonly kind: 'malformed'
  readonly deviceId: string
  /** The file's name within its directory. */
  readonly file: string
  /** Counted from 1, header rows included. */
  readonly line: number
  readonly code: ApplicationErrorCode
  /** What is wrong with it, for people. */
  readonly text: string
  /** The row as it stands in the file, without its line end. */
  readonly bytes: Buffer
}
