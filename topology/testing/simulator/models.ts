/**
 * What some operators should give, in its plainest form: lists that are looked through at every record, nothing of the
 * engine's. The recomputation (recomputation.ts) runs the engine's own operators, and would repeat their mistakes.
 */
import type { MemoryLog } from '../../log/memory/memory-log.ts'
import { string } from '../../serde.ts'
import { timeWindowedSerde } from '../../windowed-serde.ts'
import { type LoggedRecord, readPartition } from './recomputation.ts'
import { isFaulty, REFUSED, type Reading } from './records.ts'
import { joinedByKey, type OperatorName, referredBy, windows } from './topologies.ts'

/** An input record that is no dead letter. */
interface Taken {
  readonly key: string | null
  readonly value: Reading | null
  readonly timestamp: number
}

/** Output topics, each with its lines in order. */
type Lines = Readonly<Record<string, readonly string[]>>

const models: Partial<Record<OperatorName, (input: readonly Taken[]) => Lines>> = {
  count(input) {
    const lines: string[] = []
    const counts = new Map<string, { count: number; time: number }>()
    for (const { key, value, timestamp } of input) {
      if (key === null || value === null) continue
      const { count, time } = counts.get(key) ?? { count: 0, time: 0 }
      const next = { count: count + 1, time: Math.max(time, timestamp) }
      counts.set(key, next)
      lines.push(`${key} ${next.count} @${next.time}`)
    }
    return { 'count-out': lines }
  },

  window(input) {
    const { size, advance, grace } = windows.window
    const out: string[] = []
    const late: string[] = []
    const sums = new Map<string, { n: number; count: number; time: number }>()
    let now = 0
    for (const { key, value, timestamp } of input) {
      if (key === null) continue
      now = Math.max(now, timestamp)
      let isLate = false
      for (const start of startsOf(timestamp, size, advance)) {
        if (start + size + grace <= now) {
          isLate = true
          continue
        }
        const name = `${key} ${start}`
        const { n, count, time } = sums.get(name) ?? { n: 0, count: 0, time: 0 }
        const next = { n: n + (value?.n ?? 0), count: count + 1, time: Math.max(time, timestamp) }
        sums.set(name, next)
        out.push(`${name} ${next.n}/${next.count} @${next.time}`)
      }
      if (isLate) late.push(`${key} ${value?.id} @${timestamp}`)
    }
    return { 'window-out': out, 'window-late': late }
  },

  collect(input) {
    const { size, advance, grace } = windows.collect
    const out: string[] = []
    const late: string[] = []
    const clocks = new Map<string, number>()
    const samples: { key: string; n: number; timestamp: number }[] = []
    for (const { key, value, timestamp } of input) {
      if (key === null || value === null) continue
      const before = clocks.get(key) ?? 0
      const now = Math.max(before, timestamp)
      clocks.set(key, now)
      const first = Math.max(0, Math.floor((before - 2 * size) / advance) * advance - grace)
      for (let start = first - (first % advance); start + size + grace <= now; start += advance) {
        if (start + size + grace <= before) continue
        const held = samples
          .filter(each => each.key === key && each.timestamp >= start && each.timestamp < start + size)
          .sort((a, b) => a.timestamp - b.timestamp)
        if (held.length > 0)
          out.push(
            `${key} ${start} ${held.map(({ n }) => n)} @${Math.max(...held.map(each => each.timestamp))}`,
          )
      }
      samples.push({ key, n: value.n, timestamp })
      if (startsOf(timestamp, size, advance).some(start => start + size + grace <= now))
        late.push(`${key} ${value.id} @${timestamp}`)
    }
    return { 'collect-out': out, 'collect-late': late }
  },

  suppress(input) {
    const { size, grace } = windows.suppress
    const counts = new Map<string, { key: string; start: number; count: number }>()
    const out: string[] = []
    let [now, seen] = [0, 0]
    for (const { key, timestamp } of input) {
      if (key === null) continue
      now = Math.max(now, timestamp)
      const start = Math.floor(timestamp / size) * size
      if (start + size + grace <= now) continue
      const name = `${key} ${start}`
      counts.set(name, { key, start, count: (counts.get(name)?.count ?? 0) + 1 })
      // The suppression's own time is that of the updates that reach it.
      seen = Math.max(seen, timestamp)
      for (const [id, each] of counts) {
        if (each.start + size + grace > seen) continue
        out.push(`${each.key} ${each.start} ${each.count}`)
        counts.delete(id)
      }
    }
    return { 'suppress-out': out }
  },

  mapBatch: input => ({
    'mapBatch-out': input.flatMap(({ value }) => (value === null ? [] : [`${value.id}!`])),
  }),
}

function startsOf(time: number, size: number, advance: number): number[] {
  const starts: number[] = []
  for (let start = Math.floor(time / advance) * advance; start > time - size && start >= 0; start -= advance)
    starts.unshift(start)
  return starts
}

/** How an output reads in the models' lines. */
const texts: Readonly<Record<string, (record: LoggedRecord) => string>> = {
  'count-out': ({ key, value, timestamp }) => `${key} ${value?.readBigInt64BE()} @${timestamp}`,
  'window-out': ({ key, value, timestamp }) => {
    const { n, count } = JSON.parse(`${value}`)
    const window = timeWindowedSerde(string, windows.window.size).deserialize(key ?? Buffer.alloc(0))
    return `${window.key} ${window.start} ${n}/${count} @${timestamp}`
  },
  'window-late': lateText,
  'collect-out': ({ value, timestamp }) => {
    const { key, start, n } = JSON.parse(`${value}`)
    return `${key} ${start} ${n} @${timestamp}`
  },
  'collect-late': lateText,
  'suppress-out': ({ key, value }) => {
    const window = timeWindowedSerde(string, windows.suppress.size).deserialize(key ?? Buffer.alloc(0))
    return `${window.key} ${window.start} ${value?.readBigInt64BE()}`
  },
  'mapBatch-out': ({ value }) => `${value}`,
}

function lateText({ key, value, timestamp }: LoggedRecord): string {
  return `${key} ${value === null ? undefined : JSON.parse(`${value}`).id} @${timestamp}`
}

/** 1, 2, 3: the outputs are what the models say. */
export function checkModels(log: MemoryLog, parts: readonly OperatorName[], partitions: number): string[] {
  const inputs = inputsOf(log, parts, partitions)
  return parts.flatMap(part => {
    const expected = inputs.map(input => models[part]?.(input) ?? {})
    return Object.keys(expected[0] ?? {}).flatMap(topic => {
      const actual = inputs.map((_, partition) => readPartition(log, topic, partition).map(texts[topic]!))
      const is = inOrder(topic, actual)
      const should = inOrder(
        topic,
        expected.map(lines => lines[topic] ?? []),
      )
      const at = should.findIndex((line, i) => line !== is[i])
      if (at < 0 && is.length === should.length) return []
      const where = at < 0 ? should.length : at
      const difference = `${is[where] ?? 'nothing'}, expected ${should[where] ?? 'nothing'}`
      return [`1-3: ${topic} is not what the model says: the ${where + 1}. is ${difference}`]
    })
  })
}

/** 1: what the groups end as is what their rows, or their readings, add up to. */
export function checkGroups(log: MemoryLog, parts: readonly OperatorName[], partitions: number): string[] {
  const inputs = inputsOf(log, parts, partitions)
  const found: string[] = []
  if (parts.includes('tableGroups'))
    found.push(...checkSums(log, 'tableGroups-out', partitions, latest(inputs)))
  if (parts.includes('regroup')) {
    const values = inputs.flat().flatMap(({ value }) => (value === null ? [] : [value]))
    found.push(...checkSums(log, 'regroup-out', partitions, values))
  }
  return found
}

/** 1: each row of a join by a foreign key ends as it and the row that it refers to end. */
export function checkForeignKeys(log: MemoryLog, partitions: number): string[] {
  const tables = ['in', 'other'].map(topic => {
    const rows = new Map<string, Reading | null>()
    for (let partition = 0; partition < partitions; partition++)
      for (const { key, value } of taken(readPartition(log, topic, partition), false))
        if (key !== null) rows.set(key, value)
    return rows
  })
  const [referring, referred] = tables
  const last = new Map<string, string | null>()
  for (let partition = 0; partition < partitions; partition++)
    for (const { key, value } of readPartition(log, 'foreignKey-out', partition))
      last.set(`${key}`, value === null ? null : `${value}`)
  return [...referring!].flatMap(([key, row]) => {
    const expected = row === null ? null : joinedByKey(row, referred!.get(referredBy(row)) ?? null)
    const actual = last.get(key) ?? null
    return actual === expected
      ? []
      : [`1-3: ${key} of foreignKey-out ends as ${actual}, expected ${expected}`]
  })
}

function inputsOf(log: MemoryLog, parts: readonly OperatorName[], partitions: number): Taken[][] {
  return Array.from({ length: partitions }, (_, partition) =>
    taken(readPartition(log, 'in', partition), parts.includes('faulty')),
  )
}

/**
 * Lines of all partitions in the order that matters: within a partition or, where windowed keys scatter a task's output
 * over the partitions, within a key's window.
 */
function inOrder(topic: string, partitions: readonly (readonly string[])[]): string[] {
  const groupOf = (line: string, partition: number): string =>
    topic in windowed ? line.split(' ', 2).join(' ') : String(partition)
  return partitions
    .flatMap((lines, partition) => lines.map(line => ({ line, group: groupOf(line, partition) })))
    .sort((a, b) => (a.group < b.group ? -1 : a.group > b.group ? 1 : 0))
    .map(({ line }) => line)
}

const windowed = { 'window-out': true, 'suppress-out': true }

function taken(records: readonly LoggedRecord[], withoutFaulty: boolean): Taken[] {
  return records.flatMap(({ key, value, timestamp }) => {
    if (value?.toString().startsWith('poison')) return []
    const reading: Reading | null = value === null ? null : JSON.parse(value.toString())
    const isLetter = reading?.n === REFUSED || (withoutFaulty && reading !== null && isFaulty(reading))
    return isLetter ? [] : [{ key: key === null ? null : key.toString(), value: reading, timestamp }]
  })
}

/** The last value of each key that has one. */
function latest(inputs: readonly (readonly Taken[])[]): Reading[] {
  const rows = new Map<string, Reading>()
  for (const { key, value } of inputs.flat()) {
    if (key === null) continue
    if (value === null) rows.delete(key)
    else rows.set(key, value)
  }
  return [...rows.values()]
}

/** The last sum of each group is that of its values. */
function checkSums(log: MemoryLog, topic: string, partitions: number, values: readonly Reading[]): string[] {
  const sums = new Map<string, string>()
  for (let partition = 0; partition < partitions; partition++) {
    for (const { key, value } of readPartition(log, topic, partition)) {
      const { n, count } = JSON.parse(`${value}`)
      sums.set(`${key}`, `${n}/${count}`)
    }
  }
  const groups = new Set([...sums.keys(), ...values.map(({ group }) => group)])
  return [...groups].flatMap(group => {
    const members = values.filter(value => value.group === group)
    const expected = `${members.reduce((sum, { n }) => sum + n, 0)}/${members.length}`
    const actual = sums.get(group) ?? '0/0'
    return actual === expected ? [] : [`1-3: ${group} of ${topic} ends as ${actual}, expected ${expected}`]
  })
}
