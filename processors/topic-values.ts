/** The values of a partition, one after the other, decoded: for who looks at a topic as it is now. */
import { type Log, RecordCursor, readyOf, type Serde } from '../topology/index.ts'

/** Milliseconds a poll waits for more. */
const POLL_WAIT = 500

export interface TopicValuesOptions<T> {
  readonly log: Log
  readonly topic: string
  readonly partition: number
  readonly value: Serde<T>
  /** Unique among those who read. */
  readonly clientId: string
  /** So many offsets before the end; all if not given. */
  readonly last?: number | undefined
}

/** Up to the end as it is at the call. Records without a value are left out. @throws what the log and the serde throw */
export async function* topicValues<T>(options: TopicValuesOptions<T>): AsyncGenerator<T> {
  const { log, topic, partition, value, clientId, last = Number.POSITIVE_INFINITY } = options
  const { start: oldest, end } = (await log.admin.offsets(topic)).find(
    each => each.partition === partition,
  ) ?? {
    start: 0,
    end: 0,
  }
  const start = Math.max(oldest, end - last)
  const reader = await log.reader({ clientId })
  try {
    reader.seek({ topic, partition }, start)
    const cursor = new RecordCursor()
    for (let position = start; position < end; ) {
      for (const batch of await reader.poll(POLL_WAIT)) {
        if (batch.lastOffset < position) continue
        cursor.reset(batch, position)
        while (cursor.next()) {
          if (cursor.offset >= end) return
          if (cursor.value !== null) yield await decoded(value, cursor.value)
        }
        position = batch.lastOffset + 1
      }
    }
  } finally {
    await reader.close()
  }
}

/** A registry that must be asked first is waited for. */
async function decoded<T>(value: Serde<T>, bytes: Buffer): Promise<T> {
  try {
    return value.deserialize(bytes)
  } catch (error) {
    const ready = readyOf(error)
    if (ready === undefined) throw error
    await ready
    return value.deserialize(bytes)
  }
}
