import type { SensorReading } from '../../schemas/index.ts'
import type { ApplicationErrorCode } from '../errors.ts'

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
