/** What must hold when the faults are over and all has been processed: the invariants of the engine. */
import type { StoreChange } from '../../../state/store.ts'
import type { ProducerRecord } from '../../log/log.ts'
import type { MemoryLog } from '../../log/memory/memory-log.ts'
import { changelogTopic, type Plan } from '../../plan.ts'
import { type Contents, changed, type Entries } from './disk.ts'
import { type Expected, type LoggedRecord, readPartition } from './recomputation.ts'

export interface Checked {
  readonly log: MemoryLog
  readonly plan: Plan
  /** Partitions of every topic, internal ones included. */
  readonly topics: ReadonlyMap<string, number>
}

/** 1, 2, 3: what was written is what was recomputed, record by record. */
export function checkOutputs(
  { log, topics }: Checked,
  written: readonly string[],
  expected: readonly Expected[],
): string[] {
  return written.flatMap(topic =>
    range(topics.get(topic) ?? 0).flatMap(partition => {
      const lines = new Map<string, string[]>()
      for (const { task, outputs } of expected) {
        for (const record of outputs) {
          if (record.topic !== topic || record.partition !== partition) continue
          const source = `${task}${originOf(record)}`
          const list = lines.get(source)
          if (list === undefined) lines.set(source, [lineOf(record)])
          else list.push(lineOf(record))
        }
      }
      const difference = compare(readPartition(log, topic, partition), [...lines.values()])
      return difference === undefined ? [] : [`1-3: ${topic}/${partition} ${difference}`]
    }),
  )
}

/** What several tasks write to one partition may be interleaved in any way, but each one's records are in order. */
function compare(actual: readonly LoggedRecord[], expected: readonly string[][]): string | undefined {
  const next = expected.map(() => 0)
  for (const [i, record] of actual.entries()) {
    const line = lineOf(record)
    const from = expected.findIndex((list, task) => list[next[task]!] === line)
    if (from < 0) {
      const wanted = expected.flatMap((list, task) => list[next[task]!] ?? [])
      const known = expected.some(list => list.includes(line))
      const what = known ? 'comes twice or out of order' : 'should not be there'
      return `at ${record.offset} (the ${i + 1}. of ${actual.length}): ${line} ${what}; expected ${wanted.join(' or ') || 'nothing'}`
    }
    next[from]!++
  }
  const missing = expected.flatMap((list, task) => list.slice(next[task]))
  return missing.length === 0 ? undefined : `lacks ${missing.length} records, first ${missing[0]}`
}

/** Where tables hold updates back: what each key ends as is what was recomputed, and nothing comes that is of no key. */
export function checkLast(
  { log, topics }: Checked,
  written: readonly string[],
  expected: readonly Expected[],
): string[] {
  return written.flatMap(topic =>
    range(topics.get(topic) ?? 0).flatMap(partition => {
      const isMeant = (record: ProducerRecord): boolean =>
        record.topic === topic && record.partition === partition
      const should = lastOf(expected.flatMap(({ outputs }) => outputs).filter(isMeant))
      const difference = differenceOf(lastOf(readPartition(log, topic, partition)), should)
      return difference === undefined ? [] : [`1-3: in the end ${topic}/${partition}: ${difference}`]
    }),
  )
}

function lastOf(records: readonly ProducerRecord[]): ReadonlyMap<string, Buffer> {
  return new Map(records.map(record => [readable(record.key), Buffer.from(readable(record.value))]))
}

/**
 * Under at_least_once nothing is lost: what is made of one record is there at least once. Counts end at least as high,
 * unless a process that lost its task still wrote to the changelog, which nothing fences there.
 */
export function checkNothingLost(
  { log, topics }: Checked,
  written: readonly string[],
  expected: readonly Expected[],
  { counted }: { readonly counted: boolean },
): string[] {
  return written.flatMap(topic =>
    range(topics.get(topic) ?? 0).flatMap(partition => {
      const wanted = expected
        .flatMap(({ outputs }) => outputs)
        .filter(record => record.topic === topic && record.partition === partition)
      const actual = readPartition(log, topic, partition)
      const lines = new Set(actual.map(lineOf))
      const counts = new Map<string, number>()
      for (const record of actual) {
        const key = readable(record.key)
        counts.set(key, Math.max(counts.get(key) ?? 0, countOf(record) ?? 0))
      }
      const missing = wanted.filter(record => {
        const count = countOf(record)
        if (count === undefined) return !lines.has(lineOf(record))
        return counted && (counts.get(readable(record.key)) ?? 0) < count
      })
      return missing.length === 0
        ? []
        : [`1: ${topic}/${partition} lacks ${missing.length} records, first ${lineOf(missing[0]!)}`]
    }),
  )
}

/** Of a record that counts others. */
function countOf({ topic, value }: ProducerRecord): number | undefined {
  if (topic === 'count-out') return Number(value?.readBigInt64BE())
  if (topic === 'regroup-out' || topic === 'window-out') return JSON.parse(value?.toString() ?? '').count
  return undefined
}

/** 4 and 5: a store, its clocks included, is what its changelog makes of it, and that is what the input makes of it. */
export function checkStores({ log, plan }: Checked, expected: readonly Expected[]): string[] {
  return expected.flatMap(({ task, changes }) => {
    const partition = partitionOf(task)
    return [...changes].flatMap(([store, list]) => {
      const topic = changelogTopic(plan.applicationId, store)
      const logged = fold(readPartition(log, topic, partition))
      const recomputed = fold(list)
      const difference = differenceOf(canonical(logged), canonical(recomputed))
      return difference === undefined
        ? []
        : [`4: the changelog of ${store} of ${task} is not what its input makes: ${difference}`]
    })
  })
}

/**
 * 4 and 6: a database holds exactly what its changelogs hold up to its checkpoint, and is not ahead of them. The first only
 * where writers are `fenced`: a process that lost its task while it was paused writes to the changelog once more when it
 * goes on, and under at_least_once nothing keeps that from lying between what the new owner writes.
 */
export function checkDisk(
  { log, plan }: Pick<Checked, 'log' | 'plan'>,
  machine: string,
  databases: ReadonlyMap<string, Contents>,
  { fenced }: { readonly fenced: boolean },
): string[] {
  return [...databases].flatMap(([task, { entries, checkpoint }]) =>
    Object.entries(checkpoint?.positions ?? {}).flatMap(([store, position]) => {
      const tp = { topic: changelogTopic(plan.applicationId, store), partition: partitionOf(task) }
      const { stableEnd } = log.partition(tp)
      if (position > stableEnd)
        return [`6: ${machine} holds ${store} of ${task} up to ${position} of ${stableEnd}`]
      // At 0 it is being filled (state/fill.ts): whoever opens it next throws away what is there.
      if (!fenced || position === 0) return []
      const records = readPartition(log, tp.topic, tp.partition).filter(({ offset }) => offset < position)
      const difference = differenceOf(entries.get(store) ?? new Map(), fold(records))
      return difference === undefined
        ? []
        : [`4: ${store} of ${task} on ${machine} is not its changelog up to ${position}: ${difference}`]
    }),
  )
}

/** 5: no transaction is left open. */
export function checkTransactions({ log, topics }: Checked): string[] {
  return [...topics].flatMap(([topic, count]) =>
    range(count).flatMap(partition => {
      const { end, stableEnd } = log.partition({ topic, partition })
      return end === stableEnd ? [] : [`5: a transaction is open on ${topic}/${partition} since ${stableEnd}`]
    }),
  )
}

function partitionOf(task: string): number {
  return Number(task.split('_').at(-1))
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

/** For a dead letter: the partition it came from. A task reads those in no particular order. */
function originOf({ headers = [] }: ProducerRecord): string {
  const header = (name: string): string =>
    headers.find(([each]) => each === `__streams.errors.${name}`)?.[1].toString() ?? ''
  return `${header('topic')}/${header('partition')}`
}

export function lineOf({ key, value, timestamp, headers = [] }: ProducerRecord): string {
  const more = headers
    .filter(([name]) => !isOfItsMoment(name))
    .map(([name, bytes]) => `${name}=${readable(bytes)}`)
    .join(',')
  return `${readable(key)}: ${readable(value)} @${timestamp} [${more}]`
}

/** Of a dead letter: when and where in the code it failed. */
function isOfItsMoment(header: string): boolean {
  return /^__streams\.errors\.(?!code|message|stage|operator|topic|partition|offset)/.test(header)
}

function readable(bytes: Buffer | null): string {
  if (bytes === null) return 'null'
  const text = bytes.toString('latin1')
  return /^[\x20-\x7e]*$/.test(text) ? text : bytes.toString('hex')
}

function fold(changes: readonly { key: Buffer | null; value: Buffer | null }[]): ReadonlyMap<string, Buffer> {
  const list: StoreChange[] = changes.map(({ key, value }) => ({ key: key ?? Buffer.alloc(0), value }))
  const entries: Entries = changed(new Map(), new Map([['', list]]))
  return entries.get('') ?? new Map()
}

/**
 * Samples are written once per commit, each time under the number of their first row (pane-store.ts), so where commits
 * were made shows in the keys: they are joined here.
 */
function canonical(entries: ReadonlyMap<string, Buffer>): ReadonlyMap<string, Buffer> {
  const result = new Map<string, Buffer>()
  for (const [key, value] of [...entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const id = isRows(key) ? key.slice(0, -4) : key
    result.set(id, Buffer.concat([result.get(id) ?? Buffer.alloc(0), withoutPositions(value)]))
  }
  return result
}

/** A decision's positions may lie behind markers of transactions, which the recomputation does not meet. */
function withoutPositions(value: Buffer): Buffer {
  const text = value.toString('latin1')
  return text.startsWith('{"from":') ? Buffer.from(JSON.parse(text).value) : value
}

const isRows = (key: string): boolean =>
  key.charCodeAt(0) === 2 && key.charCodeAt(1) === 0 && key.length >= 15

function differenceOf(
  actual: ReadonlyMap<string, Buffer>,
  expected: ReadonlyMap<string, Buffer>,
): string | undefined {
  for (const [key, value] of expected) {
    const found = actual.get(key)
    if (found?.equals(value)) continue
    const name = readable(Buffer.from(key, 'latin1'))
    return `${name} is ${found === undefined ? 'not there' : readable(found)}, expected ${readable(value)}`
  }
  for (const [key, value] of actual) {
    if (!expected.has(key))
      return `${readable(Buffer.from(key, 'latin1'))} is ${readable(value)}, expected nothing`
  }
  return undefined
}
