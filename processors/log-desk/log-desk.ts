/** Topics, records and consumer groups as a person looks at them, on whatever log the node runs on. */
import type { DecodeAny } from '../../schemas/index.ts'
import {
  type GroupState,
  type Log,
  type MemberState,
  TickerError,
  type Timers,
  type TopicState,
} from '../../topology/index.ts'
import { ApplicationError } from '../errors.ts'
import {
  type FoundRecord,
  type RecordQuery,
  type SearchBounds,
  type SearchResult,
  searchBounds,
  searchRecords,
} from './record-search.ts'
import { plain, type ShownBytes, showing } from './shown-bytes.ts'

/** Milliseconds that the log may take to say what it has: a client tries longer, and a person would not wait. */
const PATIENCE = 10_000
/** The same of a search, which has a bound of its own for reading. */
const SEARCH_PATIENCE = 20_000
/** Searches at a time: each reads as fast as it can, and the node has other work. */
const SEARCHES = 2

export interface ListedTopic {
  readonly topic: string
  readonly internal: boolean
  readonly partitions: number
  /** Offsets that lie there: markers and what compaction removed among them. Of the partitions that answer. */
  readonly offsets: number
  /** Undefined where it is not known of every partition. */
  readonly bytes: number | undefined
  /** Its `cleanup.policy`. */
  readonly cleanup: string
  /** Partitions without a leader, and those with fewer replicas in sync than they have. */
  readonly offline: number
  readonly underReplicated: number
}

export interface ListedGroup {
  readonly group: string
  readonly state: string
  readonly members: number
  readonly topics: readonly string[]
  /** Offsets between what it has committed and the end, of the partitions of which both are known; undefined where none is. */
  readonly lag: number | undefined
  /** The other partitions: nothing is committed there yet, or nobody says where they end. */
  readonly unknown: number
}

export interface ShownGroup extends ListedGroup {
  readonly membership: readonly MemberState[]
  readonly positions: readonly GroupPosition[]
}

/** A partition that the group has committed a position of, or that a member has. */
export interface GroupPosition {
  readonly topic: string
  readonly partition: number
  readonly committed: number | undefined
  readonly end: number | undefined
  readonly lag: number | undefined
  /** Whose it is. */
  readonly memberId: string | undefined
}

export interface ShownRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: ShownBytes | null
  /** Null: a deletion, in a compacted topic. */
  readonly value: ShownBytes | null
  readonly headers: readonly (readonly [name: string, value: ShownBytes])[]
}

export interface ShownRecords extends Omit<SearchResult, 'records'> {
  readonly records: readonly ShownRecord[]
}

export interface LogDesk {
  topics(): Promise<readonly ListedTopic[]>
  /** @throws TickerError LOG_UNKNOWN_TOPIC */
  topic(name: string): Promise<TopicState>
  /** @throws TickerError LOG_UNKNOWN_TOPIC; ApplicationError RECORDS_… */
  records(topic: string, query: RecordQuery): Promise<ShownRecords>
  groups(): Promise<readonly ListedGroup[]>
  /** @throws ApplicationError GROUP_UNKNOWN */
  group(name: string): Promise<ShownGroup>
}

export interface LogDeskOptions {
  readonly log: Log
  readonly decode: DecodeAny
  readonly clientId: string
  readonly timers: Timers
  readonly bounds?: SearchBounds
}

export function logDesk({ log, decode, clientId, timers, bounds = searchBounds }: LogDeskOptions): LogDesk {
  const { admin } = log
  let searches = 0
  let number = 0

  async function inTime<T>(answer: Promise<T>, patience = PATIENCE): Promise<T> {
    let cancel = (): void => {}
    const silence = new Promise<never>((_resolve, reject) => {
      const text = `${log.description} did not answer within ${patience / 1000} s`
      cancel = timers.after(patience, () => reject(new TickerError('LOG_UNREACHABLE', text)))
    })
    return await Promise.race([answer, silence]).finally(() => cancel())
  }

  async function stateOf(name: string): Promise<TopicState> {
    const [state] = await inTime(admin.topicStates([name]))
    if (state === undefined) throw new TickerError('LOG_UNKNOWN_TOPIC', `there is no topic ${name}`)
    return state
  }

  async function shownGroups(states: readonly GroupState[]): Promise<readonly ShownGroup[]> {
    const committed = await Promise.all(states.map(({ group }) => admin.committed(group)))
    const parts = [
      ...committed.flat(),
      ...states.flatMap(({ members }) => members.flatMap(each => each.partitions)),
    ]
    const topics = await admin.topicStates([...new Set(parts.map(each => each.topic))])
    const ends = new Map(
      topics.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, end }) => [`${topic}/${partition}`, end] as const),
      ),
    )
    return states.map((state, index) => shownGroup(state, committed[index]!, ends))
  }

  async function shown(
    { partition, offset, timestamp, key, value, headers }: FoundRecord,
    show: ReturnType<typeof showing>,
  ) {
    return {
      partition,
      offset,
      timestamp,
      key: await show(key),
      value: await show(value),
      headers: headers.map(([name, bytes]) => [name, plain(bytes)] as const),
    }
  }

  return {
    topics: async () => (await inTime(admin.topicStates())).map(listedTopic),
    topic: stateOf,
    async records(topic, query) {
      if (searches >= SEARCHES) {
        throw new ApplicationError('RECORDS_BUSY', `${SEARCHES} searches for records are under way already`)
      }
      searches++
      const searching = stateOf(topic)
        .then(({ partitions }) =>
          searchRecords(query, {
            ...{ log, topic, partitions, timers, bounds },
            clientId: `${clientId}-${number++}`,
          }),
        )
        // One that nobody waits for any more still reads.
        .finally(() => searches--)
      const { records, ...rest } = await inTime(searching, SEARCH_PATIENCE)
      const show = showing(decode)
      const shownRecords: ShownRecord[] = []
      for (const record of records) shownRecords.push(await shown(record, show))
      return { ...rest, records: shownRecords }
    },
    async groups() {
      const groups = await inTime(admin.groupStates().then(shownGroups))
      return groups.map(({ membership: _membership, positions: _positions, ...listed }) => listed)
    },
    async group(name) {
      const [shown] = await inTime(admin.groupStates([name]).then(shownGroups))
      if (shown === undefined || (shown.state === 'Dead' && shown.positions.length === 0))
        throw new ApplicationError('GROUP_UNKNOWN', `there is no group ${name}`)
      return shown
    },
  }
}

function listedTopic({ topic, internal, settings, partitions }: TopicState): ListedTopic {
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)
  const sizes = partitions.flatMap(({ bytes }) => bytes ?? [])
  return {
    topic,
    internal,
    partitions: partitions.length,
    offsets: sum(partitions.map(({ start = 0, end = start }) => end - start)),
    bytes: sizes.length < partitions.length ? undefined : sum(sizes),
    cleanup: settings.find(({ name }) => name === 'cleanup.policy')?.value ?? 'delete',
    offline: partitions.filter(({ leader, replicas }) => leader === undefined && replicas.length > 0).length,
    underReplicated: partitions.filter(({ replicas, inSync }) => inSync.length < replicas.length).length,
  }
}

function shownGroup(
  { group, state, members }: GroupState,
  committed: readonly { readonly topic: string; readonly partition: number; readonly position: number }[],
  ends: ReadonlyMap<string, number | undefined>,
): ShownGroup {
  const nameOf = ({ topic, partition }: { topic: string; partition: number }): string =>
    `${topic}/${partition}`
  const positionOf = new Map(committed.map(each => [nameOf(each), each.position]))
  const owners = new Map(
    members.flatMap(({ memberId, partitions }) => partitions.map(each => [nameOf(each), memberId] as const)),
  )
  const parts = new Map(
    [...committed, ...members.flatMap(({ partitions }) => partitions)].map(each => [nameOf(each), each]),
  )
  const positions = [...parts.values()]
    .map(({ topic, partition }): GroupPosition => {
      const name = nameOf({ topic, partition })
      const position = positionOf.get(name)
      const end = ends.get(name)
      // A position may be ahead of an end that was asked for before it.
      const lag = position === undefined || end === undefined ? undefined : Math.max(0, end - position)
      return { topic, partition, committed: position, end, lag, memberId: owners.get(name) }
    })
    .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
  const known = positions.flatMap(({ lag }) => lag ?? [])
  return {
    group,
    state,
    members: members.length,
    topics: [...new Set(positions.map(({ topic }) => topic))],
    lag: known.length === 0 && positions.length > 0 ? undefined : known.reduce((sum, lag) => sum + lag, 0),
    unknown: positions.length - known.length,
    membership: members,
    positions,
  }
}
