/** Recorded decisions as they lie in their changelog: for who looks at them, and for a replay, which follows them. */
import type { Log } from './log/log.ts'
import { RecordCursor } from './log/record-batch.ts'
import { changelogTopic } from './plan.ts'
import { type Decision, decodeDecision } from './recorded.ts'
import type { Serde } from './serde.ts'

/** Milliseconds a poll waits for more. */
const POLL_WAIT = 500

export interface LoggedDecision<T> extends Decision<T> {
  /** Of the task that took it. */
  readonly partition: number
  /** Counts the decisions of that task, from 0. */
  readonly number: number
  /** When it was committed, milliseconds since the epoch. */
  readonly at: number
}

export interface DecisionLogOptions<T> {
  readonly log: Log
  readonly applicationId: string
  /** Unique among those who read. */
  readonly clientId: string
  /** Of the recorded input. */
  readonly name: string
  readonly value: Pick<Serde<T>, 'deserialize'>
}

/** All decisions of a recorded input that are committed now, by partition and in their order; none where none was ever taken. */
export async function decisionsOf<T>(options: DecisionLogOptions<T>): Promise<readonly LoggedDecision<T>[]> {
  const { log, applicationId, clientId, name, value } = options
  const topic = changelogTopic(applicationId, name)
  if ((await log.admin.describeTopic(topic)) === undefined) return []
  const decisions: LoggedDecision<T>[] = []
  const reader = await log.reader({ clientId })
  try {
    for (const { partition, start, end } of await log.admin.offsets(topic)) {
      const cursor = new RecordCursor()
      reader.seek({ topic, partition }, start)
      for (let position = start; position < end; ) {
        for (const batch of await reader.poll(POLL_WAIT)) {
          if (batch.partition !== partition || batch.lastOffset < position) continue
          cursor.reset(batch, position)
          while (cursor.next()) {
            if (cursor.key === null || cursor.value === null) continue
            const { bytes, from } = decodeDecision(cursor.value)
            const number = cursor.key.readUInt32BE()
            decisions.push({ partition, number, at: cursor.timestamp, from, value: value.deserialize(bytes) })
          }
          position = batch.lastOffset + 1
        }
      }
    }
  } finally {
    await reader.close()
  }
  return decisions.sort((a, b) => a.partition - b.partition || a.number - b.number)
}
