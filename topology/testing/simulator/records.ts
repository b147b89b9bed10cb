/** The input of a simulation, as plain data: what is written when, with everything that watches and networks do to records. */
import { partitionOf } from '../../partitioner.ts'
import { pick } from './faults.ts'
import { BEGIN } from './simulation.ts'

/** The value of a record that is none of the poison ones. */
export interface Reading {
  readonly id: string
  readonly n: number
  readonly group: string
}

export interface InputRecord {
  readonly id: string
  /** Milliseconds after the beginning when it is written. */
  readonly at: number
  readonly topic: string
  readonly partition: number
  readonly key: string | null
  /** Null: none. A text: bytes that are no reading. */
  readonly value: Reading | string | null
  /** Event time. */
  readonly timestamp: number
  /** Whether it is written in a transaction, and how that ends. */
  readonly written: 'plain' | 'committed' | 'aborted'
}

export interface RecordOptions {
  readonly count: number
  readonly topics: readonly string[]
  readonly partitions: number
  readonly keys: number
  /** Milliseconds in which they are written. */
  readonly duration: number
}

export const HEADER = 'id'
/** What the source's check refuses. */
export const REFUSED = -13
/** What the operator `faulty` fails on. */
export const isFaulty = ({ n }: Reading): boolean => n % 25 === 7

export function randomRecords(random: () => number, options: RecordOptions): InputRecord[] {
  const { count, topics, partitions, keys, duration } = options
  const below = (limit: number): number => Math.floor(random() * limit)
  const times = Array.from({ length: count }, () => below(duration)).sort((a, b) => a - b)
  return times.map((at, i): InputRecord => {
    const id = `r${i}`
    const topic = pick(random, topics)
    const key = random() < 0.03 ? null : `k${below(keys)}`
    const partition = key === null ? below(partitions) : partitionOf(Buffer.from(key), partitions)
    const kind = random()
    const reading = { id, n: kind < 0.02 ? REFUSED : below(100), group: `g${below(4)}` }
    const value = kind < 0.95 ? reading : kind < 0.97 ? null : `poison ${id}`
    const transaction = random()
    const written = transaction < 0.8 ? 'plain' : transaction < 0.95 ? 'committed' : 'aborted'
    return { id, at, topic, partition, key, value, timestamp: BEGIN + eventTime(random, at), written }
  })
}

/** Event time against the time of writing: mostly a little behind, sometimes far behind or ahead. */
function eventTime(random: () => number, at: number): number {
  const kind = random()
  const off = Math.floor(random() * 100)
  if (kind < 0.7) return at - Math.floor(off / 5)
  if (kind < 0.9) return at - 3 * off
  if (kind < 0.97) return at - 30 * off
  return at + 10 * off
}
