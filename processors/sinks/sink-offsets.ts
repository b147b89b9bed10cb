/**
 * The table `sink_offsets`: for each partition of a log the offset of the first record whose row is not written yet.
 * It moves in the transaction that writes the rows, so that the two can never disagree.
 */
import { type SqlSession, sqlTimestamp } from './sql.ts'

export interface StoredOffset {
  readonly logId: string
  readonly partition: number
  readonly nextOffset: number
}

/** Those of every log that ever fed this topic's rows. */
export async function storedOffsets(session: SqlSession, topic: string): Promise<StoredOffset[]> {
  const { rows } = await session.query(
    'select log_id, "partition", next_offset from sink_offsets where topic = $1',
    [topic],
  )
  return rows.map(row => ({
    logId: String(row.log_id),
    partition: Number(row.partition),
    nextOffset: Number(row.next_offset),
  }))
}

/**
 * Enters a partition met for the first time; one that has its row already is left as it is. Where no key forbids a second
 * row the caller must have locked the table.
 */
export async function enterOffset(
  session: SqlSession,
  topic: string,
  first: StoredOffset,
  now: number,
): Promise<void> {
  await session.query(
    `insert into sink_offsets (log_id, topic, "partition", next_offset, updated_at)
     select cast($1 as varchar(1024)), cast($2 as varchar(1024)), cast($3 as integer), cast($4 as bigint), cast($5 as timestamptz)
     where not exists (select 1 from sink_offsets where log_id = $1 and "partition" = $3)`,
    [first.logId, topic, first.partition, first.nextOffset, sqlTimestamp(now)],
  )
}

/**
 * Moves a position from where the caller believes it to be. False when it is elsewhere, because another sink wrote:
 * the caller must write nothing. The row stays locked until the transaction ends, so a rival waits and then gets false.
 */
export async function advanceOffset(
  session: SqlSession,
  from: StoredOffset,
  to: number,
  now: number,
): Promise<boolean> {
  const { affected } = await session.query(
    `update sink_offsets set next_offset = $1, updated_at = $2
     where log_id = $3 and "partition" = $4 and next_offset = $5`,
    [to, sqlTimestamp(now), from.logId, from.partition, from.nextOffset],
  )
  return affected === 1
}
