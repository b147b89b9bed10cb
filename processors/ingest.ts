/** Writes what a source of readings has to say into `ticker-watch-data`. */
import type { SensorReading } from '../schemas/index.ts'
import { type Log, type ProducerRecord, partitionOf, type Serde } from '../topology/index.ts'
import { malformedRow } from './dead-letters.ts'
import type { EndOfRecording, RecordingEvent } from './recordings/event.ts'
import { applicationId, topics } from './topics.ts'

/** What has been written so far. */
export interface IngestCounts {
  readings: number
  /** Rows that are no readings: in the dead-letter topic. */
  malformed: number
  /** Recordings that ended. */
  ended: number
}

export interface IngestOptions {
  readonly log: Log
  readonly events: AsyncIterable<readonly RecordingEvent[]>
  readonly value: Serde<SensorReading>
  readonly counts: IngestCounts
  /** No more is written once it is aborted; what is under way is finished. */
  readonly signal: AbortSignal
  /** Milliseconds since the epoch, for the time of dead letters. */
  readonly now: () => number
}

/** Resolves when the events are over or `signal` is aborted. @throws TickerError when the log does not take them */
export async function ingest({ log, events, counts, signal, value, now }: IngestOptions): Promise<void> {
  const partitions = (await log.admin.describeTopic(topics.readings))?.partitions ?? 1
  const producer = await log.producer({ clientId: `${applicationId}-ingest` })
  await producer.init()
  try {
    for await (const chunk of events) {
      if (signal.aborted) return
      await producer.send(chunk.map(event => recordOf(event, { value, partitions, now })))
      for (const { kind } of chunk) {
        if (kind === 'reading') counts.readings++
        else if (kind === 'end') counts.ended++
        else counts.malformed++
      }
    }
  } finally {
    await producer.close()
  }
}

type Encoding = Pick<IngestOptions, 'value' | 'now'> & { readonly partitions: number }

function recordOf(event: RecordingEvent, { value, partitions, now }: Encoding): ProducerRecord {
  if (event.kind === 'malformed') return malformedRow(event, now())
  const deviceId = event.kind === 'reading' ? event.reading.deviceId : event.deviceId
  const key = Buffer.from(deviceId, 'utf8')
  const place = { topic: topics.readings, partition: partitionOf(key, partitions), key }
  if (event.kind === 'end') return endMarker(event, place)
  return { ...place, value: value.serialize(event.reading), timestamp: event.reading.stamp }
}

/** A record without a value: nothing of this device follows for now. */
function endMarker(
  event: EndOfRecording,
  place: Omit<ProducerRecord, 'value' | 'timestamp'>,
): ProducerRecord {
  return { ...place, value: null, timestamp: event.stamp }
}
