/**
 * The topology that the faults are tried on: numbered records, counted per key; and, behind an asynchronous operator and a
 * repartition topic, windows with final results and a stream of late records.
 */
import { type Graph, json, long, string, TopologyBuilder, tumbling } from '../../index.ts'

/** A record of the input. */
export interface Numbered {
  /** Of the input topic. */
  readonly partition: number
  /** Counts the partition's records from 0. */
  readonly number: number
  /** The key of its window. */
  readonly group: string
}

/** What a window holds. */
export interface Sum {
  readonly count: number
  /** Depends on the order of the records. */
  readonly hash: number
}

export const PARTITIONS = 4
/** Milliseconds. */
export const SESSION_TIMEOUT = 6_000

/** The verifier knows these numbers too. */
const SIZE = 5_000
const GRACE = 2_000
const MODULUS = 1_000_003

export function topicsOf(applicationId: string) {
  return {
    numbers: `${applicationId}-numbers`,
    counts: `${applicationId}-counts`,
    windows: `${applicationId}-windows`,
    late: `${applicationId}-late`,
    repartition: `${applicationId}-window-repartition`,
  }
}

/** @param look is called with batches of records, asynchronously, before they are written to the repartition topic */
export function pipeline(applicationId: string, look: () => Promise<void>): Graph {
  const topics = topicsOf(applicationId)
  const builder = new TopologyBuilder()
  const numbers = builder.stream(topics.numbers, { key: string, value: json<Numbered>() })
  numbers.groupByKey().count('count').toStream().to(topics.counts, { key: string, value: long })

  const windows = numbers
    .mapBatch('look', async values => {
      await look()
      return values
    })
    .groupBy(({ group }) => group, { key: string, value: json<Numbered>() })
    .window('window', tumbling({ size: SIZE, grace: GRACE }))
    .aggregate<Sum>(
      {
        initial: () => ({ count: 0, hash: 0 }),
        add: ({ count, hash }, { partition, number }) => ({
          count: count + 1,
          hash: (hash * 31 + number * PARTITIONS + partition) % MODULUS,
        }),
        value: json<Sum>(),
      },
      { emit: 'close' },
    )
  windows
    .mapValues((sum, { start }) => ({ start, ...sum }))
    .toStream((_, { key }) => key)
    .to(topics.windows, { key: string, value: json<Sum & { start: number }>() })
  windows.late.to(topics.late, { key: string, value: json<Numbered>() })
  return builder.build()
}
