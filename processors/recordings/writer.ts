import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { ApplicationError } from '../errors.ts'
import type { RecordingEvent } from './event.ts'
import { formatRow, header } from './format.ts'

export interface WriterOptions {
  /** `.csv.gz` instead of `.csv`. */
  readonly gzip: boolean
}

export interface Written {
  readonly devices: number
  readonly readings: number
}

/** Each device is an open file. */
const maxDevices = 500
/** Rows are collected to this many characters before they go to their file. */
const BUFFER = 65_536

/**
 * Writes readings to a directory (made if it is not there) in the CASAS smartwatch format, a file per device, stamps
 * in UTC, rows in the order in which they come. What is no reading is passed over: a file's end is its device's end.
 * @throws ApplicationError RECORDING_EXISTS, RECORDING_DEVICE_INVALID, RECORDINGS_TOO_MANY
 */
export async function writeRecordings(
  directory: string,
  chunks: AsyncIterable<readonly RecordingEvent[]> | Iterable<readonly RecordingEvent[]>,
  { gzip }: WriterOptions,
): Promise<Written> {
  await mkdir(directory, { recursive: true })
  const files = new Map<string, RecordingFile>()
  let readings = 0
  try {
    for await (const chunk of chunks) {
      for (const event of chunk) {
        if (event.kind !== 'reading') continue
        const { deviceId } = event.reading
        let file = files.get(deviceId)
        if (file === undefined) {
          if (files.size === maxDevices)
            throw new ApplicationError('RECORDINGS_TOO_MANY', `there are more than ${maxDevices} devices`)
          file = await createRecording(directory, deviceId, gzip)
          files.set(deviceId, file)
        }
        file.rows += formatRow(event.reading)
        readings++
        if (file.rows.length >= BUFFER) await flush(file)
      }
    }
  } finally {
    for (const file of files.values()) {
      await flush(file)
      file.stream.end()
      await file.done
    }
  }
  return { devices: files.size, readings }
}

interface RecordingFile {
  readonly stream: Writable
  /** Resolves when everything is on its way to the disk and the file is closed. */
  readonly done: Promise<void>
  /** Not yet written. */
  rows: string
}

async function createRecording(directory: string, deviceId: string, gzip: boolean): Promise<RecordingFile> {
  if (!/^[\w-][\w.-]{0,199}$/.test(deviceId))
    throw new ApplicationError(
      'RECORDING_DEVICE_INVALID',
      `"${deviceId.slice(0, 40)}" cannot name a recording`,
    )
  const path = join(directory, `${deviceId}.csv${gzip ? '.gz' : ''}`)
  const handle = await open(path, 'wx').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EEXIST') throw new ApplicationError('RECORDING_EXISTS', `${path} exists`, { cause })
    throw cause
  })
  const file = createWriteStream(path, { fd: handle })
  const done = finished(file)
  done.catch(() => {}) // awaited at the end, but a failure may come before
  if (!gzip) return { stream: file, done, rows: header }
  const stream = createGzip()
  stream.pipe(file)
  file.on('error', error => stream.destroy(error))
  return { stream, done, rows: header }
}

async function flush(file: RecordingFile): Promise<void> {
  const { rows } = file
  file.rows = ''
  if (!file.stream.write(rows)) await Promise.race([once(file.stream, 'drain'), file.done])
}
