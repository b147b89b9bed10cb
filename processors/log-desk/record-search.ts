/**
 * Looks for records of a topic, read_committed, and says how far it looked: a topic may be larger than anybody has time for.
 * Forward from a position or a time, or backward from the end in ever larger steps.
 */
import {
  type Log,
  type PartitionState,
  type Reader,
  RecordCursor,
  type Timers,
} from '../../topology/index.ts'
import { ApplicationError } from '../errors.ts'

/** Milliseconds a poll waits for more. */
const POLL_WAIT = 100
/** Offsets of each partition in the first step back where a key is looked for; each step is so many times the one before. */
const FIRST_STEP = 10_000
const GROWTH = 4
/** Bytes kept of a key, a value or a header. */
const KEPT = 64 << 10

export interface RecordQuery {
  /** All, if absent. */
  readonly partition?: number | undefined
  readonly from: SearchStart
  /** Only records with this key. */
  readonly key?: Buffer | undefined
  /** Only records with this timestamp or a later one, in milliseconds since the epoch. */
  readonly since?: number | undefined
  /** The most records found. */
  readonly limit: number
}

/**
 * `newest`: those at the end, back from there. A time is one to begin near: in Kafka the marker of a transaction has the time at
 * which it was written, which may be later than that of all records. Positions are by partition; one that is not named is read
 * from its end.
 */
export type SearchStart =
  | { readonly at: 'oldest' | 'newest' }
  | { readonly offset: number }
  | { readonly time: number }
  | { readonly positions: ReadonlyMap<number, number> }

/** What a search may cost. */
export interface SearchBounds {
  readonly records: number
  readonly bytes: number
  readonly milliseconds: number
  /** Bytes of what is found. */
  readonly found: number
}

export const searchBounds: SearchBounds = {
  records: 1_000_000,
  bytes: 256 << 20,
  milliseconds: 5_000,
  found: 2 << 20,
}

export interface FoundRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: KeptBytes | null
  readonly value: KeptBytes | null
  readonly headers: readonly (readonly [name: string, value: KeptBytes])[]
}

/** The beginning of so many bytes: nobody looks at all of a large record here. */
export interface KeptBytes {
  readonly bytes: Buffer
  readonly size: number
}

export interface SearchResult {
  /** In the order of each partition; of the newest, the newest first. */
  readonly records: readonly FoundRecord[]
  /** What was looked at: of each partition from `from` to before `to`, of what lies there from `start` to `end`. */
  readonly looked: readonly Looked[]
  /** Partitions that nobody answers for at present: they were not looked at. */
  readonly missing: readonly number[]
  readonly scanned: { readonly records: number; readonly bytes: number; readonly milliseconds: number }
  /** Why it ended: it had looked at all there is, or had found enough, or had looked at enough. */
  readonly ended: 'end' | 'limit' | keyof SearchBounds
}

export interface Looked {
  readonly partition: number
  readonly from: number
  readonly to: number
  readonly start: number
  readonly end: number
}

export interface SearchOptions {
  readonly log: Log
  readonly topic: string
  /** How far each partition reaches. */
  readonly partitions: readonly Pick<PartitionState, 'partition' | 'start' | 'end'>[]
  /** Unique among those who read. */
  readonly clientId: string
  readonly timers: Timers
  readonly bounds?: SearchBounds
}

/** A stretch of a partition: `to` moves while it is read. */
interface Stretch {
  readonly partition: number
  readonly from: number
  to: number
  readonly until: number
}

interface Place {
  readonly partition: number
  readonly start: number
  readonly end: number
}

/** @throws TickerError LOG_…; ApplicationError RECORDS_PARTITION_UNKNOWN, RECORDS_PARTITION_MISSING, RECORDS_OFFSET_BEYOND */
export async function searchRecords(query: RecordQuery, options: SearchOptions): Promise<SearchResult> {
  const { log, clientId } = options
  const places = placesOf(query, options)
  const search = new Search(query, options)
  const forward = await beginning(query, places, options)
  const isEmpty = (place: Place, index: number): boolean =>
    (forward === undefined ? place.start : forward[index]!) >= place.end
  const reader = places.every(isEmpty) ? undefined : await log.reader({ clientId })
  try {
    return forward === undefined
      ? await search.backward(places, reader)
      : await search.forward(places, forward, reader)
  } finally {
    await reader?.close()
  }
}

function placesOf({ partition, from }: RecordQuery, { topic, partitions }: SearchOptions): Place[] {
  const wanted = partitions.filter(each => partition === undefined || each.partition === partition)
  if (wanted.length === 0) {
    const text = `${topic} has the partitions 0 to ${partitions.length - 1}, and no ${partition}`
    throw new ApplicationError('RECORDS_PARTITION_UNKNOWN', text)
  }
  const places = wanted.flatMap(({ partition, start, end }): Place[] =>
    start === undefined || end === undefined ? [] : [{ partition, start, end }],
  )
  if (places.length === 0) {
    const text = `nobody answers for partition ${wanted.map(each => each.partition).join(', ')} of ${topic}`
    throw new ApplicationError('RECORDS_PARTITION_MISSING', text)
  }
  if ('offset' in from && places.every(({ end }) => from.offset > end)) {
    const ends = places.map(each => `${each.partition} at ${each.end}`).join(', ')
    const text = `there is no offset ${from.offset} of ${topic}: partitions end here: ${ends}`
    throw new ApplicationError('RECORDS_OFFSET_BEYOND', text)
  }
  return [...places].sort((a, b) => a.partition - b.partition)
}

/** Where to begin in each place; undefined: at their ends, and backward. */
async function beginning(
  { from }: RecordQuery,
  places: readonly Place[],
  { log, topic }: SearchOptions,
): Promise<readonly number[] | undefined> {
  const within = (place: Place, position: number): number =>
    Math.min(place.end, Math.max(place.start, position))
  if ('offset' in from) return places.map(place => within(place, from.offset))
  if ('positions' in from) {
    return places.map(place => within(place, from.positions.get(place.partition) ?? place.end))
  }
  if ('time' in from) {
    const positions = await log.admin.positionsAt(topic, from.time)
    const found = new Map(positions.map(({ partition, position }) => [partition, position]))
    return places.map(place => within(place, found.get(place.partition) ?? place.end))
  }
  return from.at === 'oldest' ? places.map(place => place.start) : undefined
}

class Search {
  readonly #query: RecordQuery
  readonly #topic: string
  readonly #timers: Timers
  readonly #bounds: SearchBounds
  readonly #missing: readonly number[]
  /** When reading began: a connection may take long, and is not the search's fault. */
  #began: number | undefined
  readonly #found: FoundRecord[] = []
  #foundBytes = 0
  /** Why some of what was found is left out. */
  #leftOut: 'limit' | 'found' | undefined
  #records = 0
  #bytes = 0

  constructor(query: RecordQuery, { topic, partitions, timers, bounds = searchBounds }: SearchOptions) {
    this.#query = query
    this.#topic = topic
    this.#timers = timers
    this.#bounds = bounds
    this.#missing = partitions
      .filter(({ partition, end }) => end === undefined && (query.partition ?? partition) === partition)
      .map(({ partition }) => partition)
  }

  async forward(
    places: readonly Place[],
    begin: readonly number[],
    reader: Reader | undefined,
  ): Promise<SearchResult> {
    const stretches = places.map(({ partition, end }, index): Stretch => {
      const from = begin[index]!
      return { partition, from, to: from, until: end }
    })
    const ended = await this.#read(stretches, reader)
    return this.#result(places, stretches, ended ?? 'end', this.#found)
  }

  async backward(places: readonly Place[], reader: Reader | undefined): Promise<SearchResult> {
    const { key, limit } = this.#query
    let looked = places.map(({ partition, end }): Stretch => ({ partition, from: end, to: end, until: end }))
    let ended: SearchResult['ended'] | undefined
    for (let step = key === undefined ? limit : FIRST_STEP; ended === undefined; step *= GROWTH) {
      if (places.every(({ start }, index) => looked[index]!.from <= start)) ended = 'end'
      else if (this.#found.length >= limit) ended = 'limit'
      else {
        const steps = looked.map(({ partition, from: until }, index): Stretch => {
          const from = Math.max(places[index]!.start, until - step)
          return { partition, from, to: from, until }
        })
        ended = await this.#read(steps, reader)
        // Of a step that was not finished nobody can say what was looked at.
        if (ended === undefined) looked = looked.map((each, index) => ({ ...each, from: steps[index]!.from }))
      }
    }
    this.#keepNewest()
    return this.#result(places, looked, ended === 'end' ? (this.#leftOut ?? ended) : ended, this.#found)
  }

  /** Up to the ends of all stretches, or to a bound, which it tells. */
  async #read(
    stretches: readonly Stretch[],
    reader: Reader | undefined,
  ): Promise<SearchResult['ended'] | undefined> {
    this.#began ??= this.#timers.now()
    const left = new Map(stretches.filter(each => each.to < each.until).map(each => [each.partition, each]))
    for (const { partition, to } of left.values()) reader?.seek({ topic: this.#topic, partition }, to)
    const cursor = new RecordCursor()
    while (left.size > 0 && reader !== undefined) {
      for (const batch of await reader.poll(POLL_WAIT)) {
        const stretch = left.get(batch.partition)
        if (stretch === undefined || batch.lastOffset < stretch.to) continue
        cursor.reset(batch, stretch.to)
        while (cursor.next() && cursor.offset < stretch.until) {
          this.#take(batch.partition, cursor)
          stretch.to = cursor.offset + 1
          const ended = this.#bound()
          if (ended !== undefined) return ended
        }
        stretch.to = Math.min(stretch.until, batch.lastOffset + 1)
        if (stretch.to >= stretch.until) left.delete(batch.partition)
      }
      if (this.#timers.now() - this.#began >= this.#bounds.milliseconds) return 'milliseconds'
    }
    return undefined
  }

  #take(partition: number, cursor: RecordCursor): void {
    const { key, since = 0 } = this.#query
    this.#records++
    const size = lengthOf(cursor.keyAt, cursor.keyEnd) + lengthOf(cursor.valueAt, cursor.valueEnd)
    this.#bytes += size
    if (key !== undefined && (cursor.key === null || !key.equals(cursor.key))) return
    if (cursor.timestamp < since) return
    const { offset, timestamp, value } = cursor
    const record: FoundRecord = {
      partition,
      offset,
      timestamp,
      key: kept(cursor.key),
      value: kept(value),
      headers: cursor.headers().map(([name, bytes]) => [name, kept(bytes)]),
    }
    this.#found.push(record)
    this.#foundBytes += weightOf(record)
    const { limit } = this.#query
    if (this.#isBackward && (this.#found.length > 2 * limit || this.#foundBytes > 2 * this.#bounds.found))
      this.#keepNewest()
  }

  /** Backward, what is found first is the oldest of a step. */
  #keepNewest(): void {
    this.#found.sort((a, b) => b.timestamp - a.timestamp || b.offset - a.offset)
    if (this.#found.splice(this.#query.limit).length > 0) this.#leftOut = 'limit'
    this.#foundBytes = 0
    const within = this.#found.findIndex(record => {
      this.#foundBytes += weightOf(record)
      return this.#foundBytes > this.#bounds.found
    })
    // At least one is shown, however large.
    if (within >= 0 && this.#found.splice(Math.max(1, within)).length > 0) this.#leftOut = 'found'
  }

  #bound(): SearchResult['ended'] | undefined {
    if (!this.#isBackward && this.#found.length >= this.#query.limit) return 'limit'
    if (!this.#isBackward && this.#foundBytes >= this.#bounds.found) return 'found'
    if (this.#records >= this.#bounds.records) return 'records'
    if (this.#bytes >= this.#bounds.bytes) return 'bytes'
    return undefined
  }

  get #isBackward(): boolean {
    const { from } = this.#query
    return 'at' in from && from.at === 'newest'
  }

  #result(
    places: readonly Place[],
    looked: readonly Stretch[],
    ended: SearchResult['ended'],
    records: readonly FoundRecord[],
  ): SearchResult {
    return {
      records,
      looked: places.map((place, index) => {
        const { from, to } = looked[index]!
        return { ...place, from, to }
      }),
      missing: this.#missing,
      scanned: {
        records: this.#records,
        bytes: this.#bytes,
        milliseconds: this.#began === undefined ? 0 : this.#timers.now() - this.#began,
      },
      ended,
    }
  }
}

function lengthOf(at: number, end: number): number {
  return at < 0 ? 0 : end - at
}

function kept(bytes: Buffer): KeptBytes
function kept(bytes: Buffer | null): KeptBytes | null
function kept(bytes: Buffer | null): KeptBytes | null {
  return bytes && { bytes: Buffer.from(bytes.subarray(0, KEPT)), size: bytes.length }
}

function weightOf({ key, value, headers }: FoundRecord): number {
  const parts = [key, value, ...headers.map(([, bytes]) => bytes)]
  return parts.reduce((sum, part) => sum + (part?.bytes.length ?? 0), 0)
}
