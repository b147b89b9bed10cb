/** Predictions on a log within the process, and what a sink must make of them. */
import { Prediction } from '../../../schemas/index.ts'
import { type Log, memoryLog, RecordCursor } from '../../../topology/index.ts'
import type { Sql } from '../sql.ts'

export const topic = 'activity-predictions'

export function prediction(n: number): Prediction {
  return {
    deviceId: `watch-${n % 7}`,
    windowStart: 1_600_000_000_000 + n * 2_500,
    windowEnd: 1_600_000_005_000 + n * 2_500,
    samples: 50,
    label: 'walking',
    confidence: 0.75,
    margin: 0.5,
    probabilities: [0.75, 0.25, Math.fround(0.1)],
    route: (['unsure', 'sure', 'sure', 'unsureOverBudget', 'randomArm'] as const)[n % 5]!,
    modelName: 'watch',
    modelVersion: '1.0.0',
    featureSchemaHash: 'abc',
  }
}

export async function logWithTopic(partitions = 1): Promise<Log> {
  const log = memoryLog()
  await log.admin.createTopics([{ topic, partitions }])
  return log
}

/** Sends predictions `from` to `to` in transactions, a third of which abort, so that offsets have gaps. */
export async function produce(log: Log, from: number, to: number, partitions = 1): Promise<void> {
  const producer = await log.producer({ clientId: 'test', transactionalId: 'test' })
  await producer.init()
  for (let first = from; first < to; first += 100) {
    producer.begin()
    const numbers = Array.from({ length: Math.min(100, to - first) }, (_, i) => first + i)
    await producer.send(
      numbers.map(n => ({
        topic,
        partition: n % partitions,
        key: null,
        value: Prediction.encode(prediction(n)),
        timestamp: n,
      })),
    )
    if (first % 300 === 200) await producer.abort()
    else await producer.commit()
  }
  await producer.close()
}

/** The rows there must be: one for each record that a reader of the log sees. */
export async function expectedRows(log: Log): Promise<string[]> {
  const cursor = new RecordCursor()
  const rows: string[] = []
  for (const { partition, start, end } of await log.admin.offsets(topic)) {
    const reader = await log.reader({ clientId: 'oracle' })
    reader.seek({ topic, partition }, start)
    for (let next = start; next < end; ) {
      for (const batch of await reader.poll(100)) {
        for (cursor.reset(batch, next); cursor.next(); ) {
          if (cursor.value !== null)
            rows.push(`${partition} ${cursor.offset} ${Prediction.decode(cursor.value).windowStart}`)
        }
        next = batch.lastOffset + 1
      }
    }
    await reader.close()
  }
  return rows.sort()
}

/** The rows there are, in the same form. */
export async function writtenRows(sql: Sql): Promise<string[]> {
  const { rows } = await sql.query('select "partition", "offset", window_start from predictions')
  return rows.map(row => `${row.partition} ${row.offset} ${Number(row.window_start)}`).sort()
}

export async function dropTables(sql: Sql): Promise<void> {
  for (const table of ['predictions', 'sink_offsets', 'tickerwatch_migrations'])
    await sql.query(`drop table if exists ${table}`)
}
