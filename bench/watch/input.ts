/** The generated input: `gen.mjs` writes it, in the order of production. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ProgramOptions, run } from '../program.ts'

const generator = join(import.meta.dirname, '../kafka-streams/bench/gen.mjs')

export interface InputRecord {
  readonly partition: number
  readonly timestamp: number
  readonly key: Buffer
  readonly value: Buffer
}

/** @param devices each of them 50 readings a second; the workload has 200 */
export async function generate(
  path: string,
  { records, devices = 200, signal }: { records: number; devices?: number } & Pick<ProgramOptions, 'signal'>,
): Promise<void> {
  await run(process.execPath, [generator, String(records), path, String(devices)], { signal })
}

/** One after the other: big-endian partition u8, timestamp i64, key length u16, key, value length u16, value. */
export function* inputRecords(path: string): Generator<InputRecord> {
  const file = readFileSync(path)
  for (let at = 0; at < file.length; ) {
    const keyEnd = at + 11 + file.readUInt16BE(at + 9)
    const end = keyEnd + 2 + file.readUInt16BE(keyEnd)
    yield {
      partition: file[at]!,
      timestamp: Number(file.readBigInt64BE(at + 1)),
      key: file.subarray(at + 11, keyEnd),
      value: file.subarray(keyEnd + 2, end),
    }
    at = end
  }
}
