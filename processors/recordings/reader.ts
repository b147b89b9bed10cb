import { constants, type Dirent } from 'node:fs'
import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ApplicationError } from '../errors.ts'
import type { RecordingEvent } from './event.ts'
import { headerFault, rowReader } from './format.ts'
import { maxLine, readLines } from './lines.ts'
import { mergeByTime } from './merge.ts'
import { stampReader } from './stamps.ts'

export interface RecordingsOptions {
  /** IANA name of the zone whose local time the stamps are. Default UTC. */
  readonly timeZone?: string
  /** Milliseconds since the epoch: a stamp beyond it by more than a day is malformed. */
  readonly now: () => number
}

export interface Recordings {
  /** In ascending order. */
  readonly devices: readonly string[]
  /**
   * All events of all files, in chunks: by event time, at equal times by device id; a file's own order is kept even
   * where its stamps are not in order. A device's end follows its last row. Each call reads the files anew.
   */
  events(): AsyncGenerator<readonly RecordingEvent[]>
}

/** Each recording is an open file for as long as it is streamed. */
const maxFiles = 500

/**
 * Opens a directory of recordings, one device per file (`<device>.csv` or `<device>.csv.gz`; other files are passed
 * over). Every file's header is checked before anything is streamed.
 * @throws ApplicationError RECORDINGS_NONE, RECORDINGS_TOO_MANY, RECORDING_DUPLICATE, RECORDING_FOREIGN, TIME_ZONE_UNKNOWN
 */
export async function openRecordings(directory: string, options: RecordingsOptions): Promise<Recordings> {
  const { timeZone = 'UTC', now } = options
  stampReader(timeZone) // refuses an unknown zone
  const files = await list(directory)
  for (const { name } of files) await checkHeader(directory, name)
  return {
    devices: files.map(({ deviceId }) => deviceId),
    events: () =>
      mergeByTime(files.map(({ name, deviceId }) => readRecording(directory, name, deviceId, timeZone, now))),
  }
}

async function list(directory: string): Promise<{ name: string; deviceId: string }[]> {
  let entries: Dirent[]
  try {
    entries = await readdir(directory, { withFileTypes: true })
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? cause.code : cause
    throw new ApplicationError('RECORDINGS_NONE', `cannot read the directory ${directory} (${reason})`, {
      cause,
    })
  }
  const files = entries
    .filter(entry => !entry.isDirectory() && /.\.csv(\.gz)?$/.test(entry.name))
    .map(({ name }) => ({ name, deviceId: name.replace(/\.csv(\.gz)?$/, '') }))
    .sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1))
  if (files.length === 0)
    throw new ApplicationError('RECORDINGS_NONE', `${directory} holds no .csv or .csv.gz file`)
  if (files.length > maxFiles)
    throw new ApplicationError(
      'RECORDINGS_TOO_MANY',
      `${directory} holds ${files.length} recordings, over ${maxFiles}`,
    )
  const twice = files.find(({ deviceId }, index) => deviceId === files[index + 1]?.deviceId)
  if (twice !== undefined)
    throw new ApplicationError(
      'RECORDING_DUPLICATE',
      `${directory} holds two files of device ${twice.deviceId}`,
    )
  return files
}

async function checkHeader(directory: string, name: string): Promise<void> {
  const path = join(directory, name)
  const refuse = (reason: string): never => {
    throw new ApplicationError('RECORDING_FOREIGN', `${path} is not a recording: ${reason}`)
  }
  await access(path, constants.R_OK).catch(() => refuse('it cannot be read'))
  const head: string[] = []
  for await (const { lines, failure } of readLines(path)) {
    head.push(...lines.slice(0, 2))
    if (head.length < 2 && failure !== undefined) refuse(`it cannot be read (${failure.reason})`)
    if (head.length >= 2) break
  }
  const fault = headerFault(head[0], head[1])
  if (fault !== undefined) refuse(fault)
}

async function* readRecording(
  directory: string,
  file: string,
  deviceId: string,
  timeZone: string,
  now: () => number,
): AsyncGenerator<readonly RecordingEvent[]> {
  const readRow = rowReader(deviceId, stampReader(timeZone), now)
  let line = 0
  let latest = Number.NEGATIVE_INFINITY
  for await (const { lines, failure } of readLines(join(directory, file))) {
    const events: RecordingEvent[] = []
    for (const row of lines) {
      line++
      if (line <= 2 || row === '') continue // the header, and the blank line some editors leave at the end
      const read =
        row.length > maxLine
          ? ({ code: 'ROW_TOO_LONG', text: `it is longer than ${maxLine} bytes` } as const)
          : readRow(row)
      if ('code' in read) {
        events.push({ kind: 'malformed', deviceId, file, line, ...read, bytes: Buffer.from(row, 'latin1') })
        continue
      }
      if (read.stamp > latest) latest = read.stamp
      events.push({ kind: 'reading', reading: read })
    }
    if (failure !== undefined)
      events.push({
        kind: 'malformed',
        deviceId,
        file,
        line: line + 1,
        code: 'RECORDING_UNREADABLE',
        text: `the file cannot be read beyond here: ${failure.reason}`,
        bytes: Buffer.from(failure.cut, 'latin1'),
      })
    yield events
  }
  // A recording without a reading has opened no window that an end could close.
  if (latest > Number.NEGATIVE_INFINITY) yield [{ kind: 'end', deviceId, stamp: latest }]
}
