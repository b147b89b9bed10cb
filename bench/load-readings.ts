/** The watch workload's readings, generated and written to a topic. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Log, ProducerRecord } from '../topology/index.ts'
import { generate, type InputRecord, inputRecords } from './watch/input.ts'

/** Of the generated readings. */
export const PARTITIONS = 4
const PER_SEND = 10_000

/** In the order of production. @param records a multiple of the devices, 200 */
export async function readings(records: number, signal: AbortSignal): Promise<InputRecord[]> {
  const directory = mkdtempSync(join(tmpdir(), 'tickerwatch-readings-'))
  try {
    const path = join(directory, 'input.bin')
    await generate(path, { records, signal })
    return [...inputRecords(path)]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Makes the topic; answers with how many bytes the keys and values have. */
export async function loadReadings(
  log: Log,
  topic: string,
  records: number,
  signal: AbortSignal,
): Promise<number> {
  const config = { 'retention.ms': '-1' }
  await log.admin.createTopics([{ topic, partitions: PARTITIONS, config }])
  const producer = await log.producer({ clientId: 'load' })
  await producer.init()
  let bytes = 0
  let chunk: ProducerRecord[] = []
  for (const record of await readings(records, signal)) {
    bytes += record.key.length + record.value.length
    chunk.push({ topic, ...record })
    if (chunk.length < PER_SEND) continue
    await producer.send(chunk)
    chunk = []
  }
  await producer.send(chunk)
  await producer.close()
  return bytes
}
