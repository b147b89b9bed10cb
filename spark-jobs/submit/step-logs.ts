/** What a step has printed so far, as EMR brought it to S3: of spark-submit, and of the driver, which runs in a container of YARN. */
import { gunzipSync } from 'node:zlib'
import { LakeError } from '../../lake/errors.ts'
import type { ObjectStore } from '../../lake/object-store.ts'

/** Lines of each that are told, the last ones. */
const LINES = 500
/** Bytes, packed and not; keys of an application that are looked through. */
const PACKED = 16 << 20
const UNPACKED = 128 << 20
const KEYS = 5000

export interface StepLog {
  /** Where it is. */
  readonly url: string
  readonly lines: readonly string[]
  /** Whether there are more before them. */
  readonly isCut: boolean
}

/** Empty where none has come yet: EMR brings them some minutes late. */
export async function stepLogs(logs: ObjectStore, cluster: string, step: string): Promise<StepLog[]> {
  const own = await logOf(logs, `${cluster}/steps/${step}/stderr.gz`)
  const application = /application_\d+_\d+/.exec(own?.lines.join('\n') ?? '')?.[0]
  const driver =
    application === undefined ? [] : await driverLogs(logs, `${cluster}/containers/${application}/`)
  return [...driver, ...(own === undefined ? [] : [own])]
}

/** Of the application's first container: what the script said, and what Spark did. */
async function driverLogs(logs: ObjectStore, folder: string): Promise<StepLog[]> {
  const found: StepLog[] = []
  let left = KEYS
  for await (const { key } of logs.list(folder)) {
    if (/_000001\/std(out|err)\.gz$/.test(key))
      found.push(...[await logOf(logs, key)].flatMap(log => log ?? []))
    if (--left === 0) break
  }
  return found
}

/** Undefined where there is no such log, or nothing in it. */
async function logOf(logs: ObjectStore, key: string): Promise<StepLog | undefined> {
  const url = `${logs.url}${key}`
  if ((await logs.stat(key)) === undefined) return undefined
  try {
    const packed = await logs.get(key, { limit: PACKED })
    const text = String(gunzipSync(packed, { maxOutputLength: UNPACKED })).trimEnd()
    if (text === '') return undefined
    const lines = text.split('\n')
    return { url, lines: lines.slice(-LINES), isCut: lines.length > LINES }
  } catch (error) {
    const isLarge =
      error instanceof RangeError || (error instanceof LakeError && error.code === 'OBJECT_TOO_LARGE')
    if (error instanceof LakeError && !isLarge) throw error
    return { url, lines: [isLarge ? '(too large to be shown here)' : '(it cannot be unpacked)'], isCut: true }
  }
}
