/** Dead letters from outside the topology: rows of files that are no readings, and predictions that can have no row. */
import {
  type DeadLetter,
  deadLetterRecord,
  deadLetterTopic,
  type Log,
  type Producer,
  type ProducerRecord,
} from '../topology/index.ts'
import type { MalformedRow } from './recordings/event.ts'
import type { SqlSinkOptions } from './sinks/sql-sink.ts'
import { applicationId, topics } from './topics.ts'

/** A row never was on a topic, so partition and offset are -1; file and line say where it is. */
export function malformedRow(
  { deviceId, file, line, code, text, bytes }: MalformedRow,
  now: number,
): ProducerRecord {
  const letter: DeadLetter = {
    topic: topics.readings,
    partition: -1,
    offset: -1,
    key: Buffer.from(deviceId, 'utf8'),
    value: bytes,
    timestamp: now,
    headers: [
      ['recording.file', Buffer.from(file, 'utf8')],
      ['recording.line', Buffer.from(String(line), 'utf8')],
    ],
    code,
    message: text,
    stage: 'decode',
    operator: 'ingest',
    application: applicationId,
    time: now,
  }
  return deadLetterRecord(letter, deadLetterTopic(applicationId))
}

/** Writes what the SQL sink cannot store into the dead-letter topic, at once. */
export function rowDeadLetter(log: Log): SqlSinkOptions['onDeadLetter'] {
  let producer: Promise<Producer> | undefined
  const open = async (): Promise<Producer> => {
    const opened = await log.producer({ clientId: `${applicationId}-sql-sink` })
    await opened.init()
    return opened
  }
  return async letter => {
    producer ??= open()
    await (await producer).send([deadLetterRecord(letter, deadLetterTopic(applicationId))])
  }
}
