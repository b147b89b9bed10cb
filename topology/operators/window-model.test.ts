/**
 * Windowed aggregations against their rules in the plainest form: every record ever seen is looked through at every step.
 * Outputs are compared record by record, through commits and restarts at random moments.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  hopping,
  json,
  long,
  type SessionWindows,
  type SlidingWindows,
  session,
  sliding,
  string,
  type TimeWindows,
  TopologyBuilder,
  type UnlimitedWindows,
  unlimited,
  untilWindowCloses,
  type WindowClock,
  type Windowed,
  type Windows,
} from '../index.ts'
import { type Disturbance, disturbances, play } from '../testing/play.ts'

interface Input {
  readonly key: string
  readonly value: number | null
  readonly timestamp: number
}

/** What becomes of a window: the values it holds, ascending, or null where it is gone. */
interface Update extends Windowed<string> {
  readonly values: readonly number[] | null
  readonly timestamp: number
}

interface Expected {
  /** Of each step. */
  readonly updates: readonly (readonly Update[])[]
  readonly closed: readonly (readonly Update[])[]
  readonly late: readonly Input[]
}

const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)
const greatest = (times: Iterable<number>): number => Math.max(Number.NEGATIVE_INFINITY, ...times)
const valuesOf = (members: readonly Input[]): number[] => ascending(members.map(({ value }) => value ?? -1))
const timeOf = (members: readonly Input[]): number => greatest(members.map(({ timestamp }) => timestamp))
const numbered = { key: string, value: json<Omit<Update, 'timestamp'>>() }
/** JSON knows no infinity. */
const plain = (update: Update): unknown => JSON.parse(JSON.stringify(update))

/** The clock of a record once it has come: of its key, or of all. */
function clocks(clock: WindowClock, seen: readonly Input[]): number {
  const last = seen.at(-1)!
  return greatest(
    seen.filter(({ key }) => clock === 'operator' || key === last.key).map(each => each.timestamp),
  )
}

/** Windows whose bounds do not depend on records. A record is in each that contains it and is not closed when it comes. */
function alignedModel(
  inputs: readonly Input[],
  windows: TimeWindows | UnlimitedWindows,
  clock: WindowClock,
): Expected {
  const isClosed = (end: number, time: number): boolean =>
    windows.kind === 'time' && end + windows.grace <= time
  const around = (time: number): (readonly [number, number])[] => {
    if (windows.kind === 'unlimited')
      return time >= windows.start ? [[windows.start, Number.POSITIVE_INFINITY]] : []
    const all: (readonly [number, number])[] = []
    for (let start = 0; start <= time; start += windows.advance)
      if (time < start + windows.size) all.push([start, start + windows.size])
    return all
  }
  const times = inputs.map((_, i) => clocks(clock, inputs.slice(0, i + 1)))
  const membersOf = (key: string, start: number, end: number, upTo: number): Input[] =>
    inputs.filter(
      (input, i) =>
        i <= upTo &&
        input.key === key &&
        input.timestamp >= start &&
        input.timestamp < end &&
        !isClosed(end, times[i]!),
    )
  const results = (key: string, start: number, end: number, upTo: number): Update => {
    const members = membersOf(key, start, end, upTo)
    return { key, start, end, values: valuesOf(members), timestamp: timeOf(members) }
  }
  const late: Input[] = []
  const done = new Set<string>()
  const closed: Update[][] = []
  const updates = inputs.map((input, i) => {
    const { key, timestamp } = input
    const before = inputs.slice(0, i)
    const concerned = before.filter(each => clock === 'operator' || each.key === key)
    const closing = new Map<string, Update>()
    for (const each of concerned) {
      for (const [start, end] of around(each.timestamp)) {
        const name = `${each.key} ${start}`
        if (
          !isClosed(end, times[i]!) ||
          done.has(name) ||
          membersOf(each.key, start, end, i - 1).length === 0
        )
          continue
        closing.set(name, results(each.key, start, end, i - 1))
      }
    }
    for (const name of closing.keys()) done.add(name)
    closed.push(inOrder([...closing.values()], ({ start, key }) => [start, key]))
    const open = around(timestamp).filter(([, end]) => !isClosed(end, times[i]!))
    if (open.length < around(timestamp).length) late.push(input)
    return open.map(([start, end]) => results(key, start, end, i))
  })
  return { updates, closed, late }
}

/** Sessions are made of records that are at most the gap apart, as far as they are not over when the record comes. */
function sessionModel(
  inputs: readonly Input[],
  { gap, grace }: SessionWindows,
  clock: WindowClock,
): Expected {
  let sessions: { key: string; start: number; end: number; members: Input[] }[] = []
  const late: Input[] = []
  const closed: Update[][] = []
  const told = ({ key, start, end, members }: (typeof sessions)[number]): Update => ({
    ...{ key, start, end, values: valuesOf(members), timestamp: end },
  })
  const updates = inputs.map((input, i) => {
    const { key, timestamp } = input
    const time = clocks(clock, inputs.slice(0, i + 1))
    const isOver = (end: number): boolean => end < time - gap - grace
    const over = sessions.filter(each => isOver(each.end) && (clock === 'operator' || each.key === key))
    sessions = sessions.filter(each => !over.includes(each))
    closed.push(inOrder(over.map(told), each => [each.end, each.start, each.key]))
    const joined = sessions.filter(
      each => each.key === key && timestamp >= each.start - gap && timestamp <= each.end + gap,
    )
    const start = Math.min(timestamp, ...joined.map(each => each.start))
    const end = Math.max(timestamp, ...joined.map(each => each.end))
    if (isOver(end)) {
      late.push(input)
      return []
    }
    const members = [...joined.flatMap(each => each.members), input]
    sessions = [...sessions.filter(each => !joined.includes(each)), { key, start, end, members }]
    const replaced = start === end ? [] : inOrder(joined.map(told), each => [each.end, each.start])
    return [...replaced.map(each => ({ ...each, values: null })), told({ key, start, end, members })]
  })
  return { updates, closed, late }
}

const isClosedSliding = (windows: SlidingWindows, end: number, time: number): boolean =>
  end + windows.grace < time

/**
 * Without the records for which only some of their windows are closed: what Kafka Streams then makes of those that come after
 * them depends on which windows it has kept, and no short rule says it. The conformance cases hold them.
 */
function wholly(inputs: readonly Input[], windows: Windows, clock: WindowClock): readonly Input[] {
  if (windows.kind !== 'sliding') return inputs
  const left: Input[] = []
  for (const input of inputs) {
    if (input.value === null) continue
    const time = clocks(clock, [...left, input])
    const isClosed = (end: number): boolean => isClosedSliding(windows, end, time)
    if (!isClosed(input.timestamp) || isClosed(input.timestamp + windows.difference)) left.push(input)
  }
  return left
}

/**
 * For each record that is in time the window that ends with it, and the one right after it if that holds a record. Not
 * modelled: the order of a step's updates; that one comes twice, as in Kafka Streams, where the window right after the
 * record before is the one that ends with this one.
 */
function slidingModel(inputs: readonly Input[], windows: SlidingWindows, clock: WindowClock): Expected {
  const { difference } = windows
  const [late, closed]: [Input[], Update[][]] = [[], []]
  const done = new Set<string>()
  const inTime: Input[] = []
  /** The windows of a key, with what they hold. */
  const all = (key: string): Map<number, Update> => {
    const found = new Map<number, Update>()
    const own = inTime.filter(input => input.key === key)
    for (const start of own.flatMap(({ timestamp }) => [timestamp - difference, timestamp + 1])) {
      const end = start + difference
      const members = own.filter(({ timestamp }) => timestamp >= start && timestamp <= end)
      if (members.length > 0)
        found.set(start, { key, start, end, values: valuesOf(members), timestamp: timeOf(members) })
    }
    return found
  }
  const updates = inputs.map((input, i) => {
    const { key, timestamp } = input
    const time = clocks(clock, inputs.slice(0, i + 1))
    const keys = clock === 'operator' ? [...new Set(inTime.map(each => each.key))] : [key]
    const closing = keys
      .flatMap(each => [...all(each).values()])
      .filter(({ key, start, end }) => isClosedSliding(windows, end, time) && !done.has(`${key} ${start}`))
    for (const each of closing) done.add(`${each.key} ${each.start}`)
    closed.push(inOrder(closing, each => [each.start, each.key]))
    if (isClosedSliding(windows, timestamp, time)) {
      late.push(input)
      return []
    }
    const before = all(key)
    inTime.push(input)
    return [...all(key).values()].filter(
      ({ start, end }) => (timestamp >= start && timestamp <= end) || !before.has(start),
    )
  })
  return { updates, closed, late }
}

function modelOf(inputs: readonly Input[], windows: Windows, clock: WindowClock): Expected {
  switch (windows.kind) {
    case 'session':
      return sessionModel(inputs, windows, clock)
    case 'sliding':
      return slidingModel(inputs, windows, clock)
    default:
      return alignedModel(inputs, windows, clock)
  }
}

/** Each window once, when the updates that came have a time of its end + wait; gone ones not at all. */
function suppressed(updates: readonly Update[], wait: number): Update[] {
  let held: Update[] = []
  let time = Number.NEGATIVE_INFINITY
  return updates.flatMap(update => {
    time = Math.max(time, update.timestamp)
    const name = ({ key, start, end }: Update): string => `${key} ${start} ${end}`
    held = [...held.filter(each => name(each) !== name(update)), update]
    const due = held.filter(({ end }) => end + wait <= time)
    held = held.filter(each => !due.includes(each))
    return inOrder(due, ({ end, key, start }) => [end, key, start]).filter(({ values }) => values !== null)
  })
}

function inOrder<T>(list: readonly T[], by: (each: T) => readonly (string | number)[]): T[] {
  return [...list].sort((a, b) => {
    const [one, other] = [by(a), by(b)]
    const at = one.findIndex((each, i) => each !== other[i])
    return at < 0 ? 0 : one[at]! < other[at]! ? -1 : 1
  })
}

/** What comes twice in a row, once. */
function withoutTwins<T>(list: readonly T[]): T[] {
  return list.filter((each, i) => i === 0 || JSON.stringify(each) !== JSON.stringify(list[i - 1]))
}

async function run(
  inputs: readonly Input[],
  windows: Windows,
  options: { clock: WindowClock; emit: 'update' | 'close'; suppresses?: boolean; topics?: 1 | 2 },
  disturbance: Disturbance,
) {
  const builder = new TopologyBuilder()
  const { clock, emit, suppresses = false, topics = 1 } = options
  const grouped = (topic: string) => builder.stream(topic, { key: string, value: long }).groupByKey()
  const add = (list: readonly number[], value: number | null): number[] => ascending([...list, value ?? -1])
  const aggregator = {
    ...{ initial: (): readonly number[] => [], add, value: json<readonly number[]>() },
    merge: (one: readonly number[], other: readonly number[]): number[] => ascending([...one, ...other]),
  }
  const table =
    topics === 1
      ? grouped('in-0')
          .window('windows', windows, { clock })
          .aggregate<readonly number[]>(aggregator, { emit })
      : grouped('in-0')
          .cogroup<readonly number[]>(add)
          .cogroup(grouped('in-1'), add)
          .window('windows', windows, { clock })
          .aggregate(aggregator)
  const tell = (values: readonly number[] | null, window: Windowed<string>) =>
    [window.key, { ...window, values }] as const
  table.toStream().map(tell, numbered).to('out')
  table.late.to('late', { value: long })
  if (suppresses) table.suppress('held', untilWindowCloses()).toStream().map(tell, numbered).to('final')
  const records = inputs.map((input, i) => ({
    ...{ topic: `in-${i % topics}`, ...input },
    headers: [['step', Buffer.from([i])]] as [string, Buffer][],
  }))
  const outputs = {
    out: numbered,
    late: { key: string, value: long },
    ...(suppresses && { final: numbered }),
  }
  const { out, late, final = [] } = await play(builder.build(), records, outputs, disturbance)
  const update = ({ value, timestamp }: (typeof out)[number]): unknown => ({ ...value!, timestamp })
  const found = out.map(each => ({
    ...{ step: each.headers[0]?.[1][0] ?? 0, start: each.value!.start, told: update(each) },
  }))
  const isModelled = windows.kind !== 'sliding' || emit === 'close'
  const inSteps = isModelled ? found : withoutTwins(inOrder(found, ({ step, start }) => [step, start]))
  return {
    out: inSteps.map(({ told }) => told),
    final: withoutTwins(final.map(update)),
    late: late.map(({ headers: _, ...input }) => input),
  }
}

const inputs = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b'),
    value: fc.option(fc.nat({ max: 99 }), { freq: 9 }),
    // Mostly onwards, sometimes far.
    timestamp: fc.oneof(
      { weight: 5, arbitrary: fc.nat({ max: 40 }) },
      { weight: 1, arbitrary: fc.nat({ max: 90 }) },
    ),
  }),
  { maxLength: 30 },
)
/** None is as near to 0 as a sliding window is long. */
const later = inputs.map(list => list.map(input => ({ ...input, timestamp: input.timestamp + 12 })))
const span = (max: number): fc.Arbitrary<number> => fc.nat({ max })
const kinds: Readonly<Record<string, fc.Arbitrary<Windows>>> = {
  hopping: fc
    .record({
      size: fc.integer({ min: 1, max: 12 }),
      advance: fc.integer({ min: 1, max: 12 }),
      grace: span(15),
    })
    .map(({ advance, ...rest }) => hopping({ ...rest, advance: Math.min(advance, rest.size) })),
  unlimited: fc.record({ start: span(20) }).map(unlimited),
  session: fc.record({ gap: span(9), grace: span(15) }).map(session),
  sliding: fc.record({ difference: span(12), grace: span(15) }).map(sliding),
}
const clock = fc.constantFrom<WindowClock>('operator', 'perKey')

/** Steps in order; a step's updates of sliding windows by their start, since their order is not modelled. */
function flat(steps: readonly (readonly Update[])[], windows: Windows): unknown[] {
  return steps
    .flatMap(step => (windows.kind === 'sliding' ? inOrder(step, each => [each.start]) : step))
    .map(plain)
}

/** How long after its end a window is final. */
function waitOf(windows: Windows): number {
  if (windows.kind === 'session') return windows.gap + windows.grace
  return windows.kind === 'unlimited' ? Number.POSITIVE_INFINITY : windows.grace
}

describe.each(Object.entries(kinds))('%s windows', (kind, someWindows) => {
  const records = kind === 'sliding' ? later : inputs
  /** Runs what was made up, with its expectation. */
  const holds = (
    options: Omit<Parameters<typeof run>[2], 'clock'> & { clock: fc.Arbitrary<WindowClock> },
    expectation: (found: Awaited<ReturnType<typeof run>>, expected: Expected, windows: Windows) => void,
  ): Promise<void> =>
    fc.assert(
      fc.asyncProperty(
        ...[records, someWindows, options.clock, disturbances(30)],
        async (all, windows, clock, disturbance) => {
          const inputs = wholly(all, windows, clock)
          const found = await run(inputs, windows, { ...options, clock }, disturbance)
          expectation(found, modelOf(inputs, windows, clock), windows)
        },
      ),
      { numRuns: 40 },
    )

  it('update what the rule says, and find late what it says', () =>
    holds({ clock, emit: 'update' }, ({ out, late }, expected, windows) => {
      expect(out).toEqual(flat(expected.updates, windows))
      expect(late).toEqual(expected.late)
    }))

  it('update the same where their records are of two streams, if each key has its own time', () =>
    holds({ clock: fc.constant('perKey'), emit: 'update', topics: 2 }, ({ out, late }, expected, windows) => {
      expect(out).toEqual(flat(expected.updates, windows))
      expect(late).toEqual(expected.late)
    }))

  if (kind === 'unlimited') return

  it('close as the rule says', () =>
    holds({ clock, emit: 'close' }, ({ out, late }, expected) => {
      expect(out).toEqual(expected.closed.flat().map(plain))
      expect(late).toEqual(expected.late)
    }))

  it('are suppressed until they close', () =>
    holds(
      { clock: fc.constant('operator'), emit: 'update', suppresses: true },
      ({ final }, { updates }, windows) =>
        expect(final).toEqual(withoutTwins(suppressed(updates.flat(), waitOf(windows)).map(plain))),
    ))
})
