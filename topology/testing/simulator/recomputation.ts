/**
 * What should have come out: each task's records taken once, in the order in which they were committed, by a task that
 * nothing befalls. No thread, no group, no commit and no log has a part in it.
 */
import type { StoreChange } from '../../../state/store.ts'
import type { Graph } from '../../graph.ts'
import type { ProducerRecord } from '../../log/log.ts'
import type { MemoryLog } from '../../log/memory/memory-log.ts'
import { encodeRecords, type RecordBatch, RecordCursor } from '../../log/record-batch.ts'
import { changelogTopic, type Plan, type SubTopology, taskName } from '../../plan.ts'
import { PoisonRecords } from '../../poison.ts'
import type { Decision } from '../../recorded.ts'
import { Task } from '../../task.ts'
import type { Timers } from '../../timers.ts'
import type { Ledger } from './ledger.ts'
import { HEADER } from './records.ts'

/** A record as it lies in the log. */
export interface LoggedRecord extends ProducerRecord {
  readonly offset: number
  readonly headers: NonNullable<ProducerRecord['headers']>
}

/** What a task should have written. */
export interface Expected {
  readonly task: string
  readonly outputs: readonly ProducerRecord[]
  readonly changes: ReadonlyMap<string, readonly StoreChange[]>
}

/** What can be read of a partition. */
export function readPartition(log: MemoryLog, topic: string, partition: number): LoggedRecord[] {
  const records: LoggedRecord[] = []
  const cursor = new RecordCursor()
  for (const batch of log.partition({ topic, partition }).read(0, Number.POSITIVE_INFINITY)) {
    cursor.reset(batch, 0)
    while (cursor.next()) {
      const { offset, key, value, timestamp } = cursor
      records.push({ topic, partition, offset, key, value, timestamp, headers: cursor.headers() })
    }
  }
  return records
}

/** Time that does not pass: nothing waits but what waits for nothing. */
const noTime: Timers = {
  now: () => 0,
  after: (delay, callback) => {
    if (delay === 0) queueMicrotask(callback)
    return () => {}
  },
}

export interface RecomputeOptions {
  readonly log: MemoryLog
  readonly plan: Plan
  /** Partitions of every topic. */
  readonly partitions: ReadonlyMap<string, number>
  readonly ledger: Ledger
  /** The topology again, with asynchronous calls that take no time and decisions that are `offer`'s. */
  readonly topology: (surroundings: { timers: Timers; offer: () => string }) => Graph
  readonly planOf: (graph: Graph) => Plan
}

export async function recompute(options: RecomputeOptions): Promise<Expected[]> {
  const { partitions } = options
  let offered = ''
  const plan = options.planOf(options.topology({ timers: noTime, offer: () => offered }))
  const results: Expected[] = []
  for (const part of plan.subTopologies) {
    const count = partitions.get(part.sourceTopics[0] ?? '') ?? 0
    for (let partition = 0; partition < count; partition++) {
      const setOffer = (value: string): void => {
        offered = value
      }
      results.push(await recomputeTask(part, partition, setOffer, options))
    }
  }
  return results
}

/** A record that fails marks itself and has its task begin again: each time one more is marked. */
async function recomputeTask(
  part: SubTopology,
  partition: number,
  offer: (value: string) => void,
  options: RecomputeOptions,
): Promise<Expected> {
  const poison = new PoisonRecords()
  while (true) {
    const marked = poison.size
    try {
      return await attempt(part, partition, offer, { ...options, poison })
    } catch (error) {
      if (poison.size === marked) throw error
    }
  }
}

async function attempt(
  part: SubTopology,
  partition: number,
  offer: (value: string) => void,
  { log, plan, partitions, ledger, poison }: RecomputeOptions & { readonly poison: PoisonRecords },
): Promise<Expected> {
  const { applicationId } = plan
  const id = { subTopology: part.id, partition }
  const task = new Task({
    id,
    part,
    applicationId,
    partitions,
    batchLimits: new Map(),
    failureHandlers: { process: () => 'deadLetter' },
    poison,
    globals: new Map(),
    offsets: topic => log.admin.offsets(topic),
    timers: noTime,
  })
  const inputs = part.sourceTopics.map(topic => readPartition(log, topic, partition))
  const records = inputs.length === 1 ? inputs[0]! : inCommittedOrder(inputs, ledger)
  const decisions = task.operators.decisions.flatMap(({ name }) =>
    decisionsIn(readPartition(log, changelogTopic(applicationId, name), partition)),
  )
  const decide = async (): Promise<void> => {
    offer(decisions.shift()?.value ?? '')
    await task.decide()
  }
  const outputs: ProducerRecord[] = []
  const changes = new Map<string, StoreChange[]>()
  const collect = (): void => {
    const snapshot = task.snapshot()
    outputs.push(...snapshot.outputs)
    for (const [store, list] of snapshot.changes) changes.set(store, [...(changes.get(store) ?? []), ...list])
  }
  const taken = new Map<string, number>()
  const isDue = ({ from }: Decision<string>): boolean =>
    from.every(({ topic, position }) => (taken.get(topic) ?? 0) >= lastBelow(inputs, topic, position))
  task.start([])
  if (decisions.length > 0) await decide()
  for (const record of records) {
    while (decisions[0] !== undefined && isDue(decisions[0])) {
      await task.drain()
      await decide()
    }
    task.add(asBatch(record))
    await processAll(task, collect)
    taken.set(record.topic, record.offset + 1)
  }
  await task.drain()
  while (decisions.length > 0) await decide()
  // One without input may have begun (and kept when its punctuations are due), or never have come to it.
  const hasCommitted = part.stores.some(
    store => readPartition(log, changelogTopic(applicationId, store), partition).length > 0,
  )
  if (records.length === 0 && !hasCommitted) return { task: taskName(id), outputs, changes }
  collect()
  return { task: taskName(id), outputs, changes }
}

/** Until it neither has a record nor waits for anything. One that is full wants its epoch taken. */
async function processAll(task: Task, collect: () => void): Promise<void> {
  while (task.process(Number.POSITIVE_INFINITY) > 0 || task.parked || task.full) {
    if (task.parked) await new Promise(resolve => setImmediate(resolve))
    if (!task.full) continue
    await task.drain()
    collect()
  }
}

/** The position after the last record below `position`: a position may also be behind markers, which are no records. */
function lastBelow(inputs: readonly LoggedRecord[][], topic: string, position: number): number {
  const last = inputs.flat().findLast(record => record.topic === topic && record.offset < position)
  return last === undefined ? 0 : last.offset + 1
}

function decisionsIn(records: readonly LoggedRecord[]): Decision<string>[] {
  return records.map(({ value }) => {
    const { from, value: bytes } = JSON.parse(value?.toString() ?? '')
    return { from, value: Buffer.from(bytes, 'base64').toString() }
  })
}

/**
 * Records of several partitions in the order in which the process that committed them took them. One that was not
 * processed (a dead letter) goes before the next of its partition that was.
 */
function inCommittedOrder(inputs: readonly LoggedRecord[][], ledger: Ledger): LoggedRecord[] {
  const byId = new Map(inputs.flat().map(record => [idOf(record), record]))
  const taken = new Map<string, number>()
  const result: LoggedRecord[] = []
  const takeUpTo = (topic: string, position: number): void => {
    const from = taken.get(topic) ?? 0
    for (const record of inputs.flat())
      if (record.topic === topic && record.offset >= from && record.offset < position) result.push(record)
    taken.set(topic, Math.max(from, position))
  }
  for (const { process, offsets, processed } of ledger.commits) {
    const partition = inputs.flat()[0]?.partition
    const committed = offsets.filter(offset => offset.partition === partition)
    const isCommitted = ({ topic, offset }: LoggedRecord): boolean =>
      offset >= (taken.get(topic) ?? 0) &&
      committed.some(each => each.topic === topic && offset < each.position)
    // A task that started again took its records again: the last time counts.
    const order: LoggedRecord[] = []
    const seen = new Set<string>()
    for (const id of ledger.processedBy(process).slice(0, processed).toReversed()) {
      const record = byId.get(id)
      if (record === undefined || seen.has(id) || !isCommitted(record)) continue
      seen.add(id)
      order.push(record)
    }
    order.reverse()
    // One that failed was taken for the last time before the task started again: it goes before the next of its partition.
    const isLast = (record: LoggedRecord, i: number): boolean =>
      !order.slice(i + 1).some(later => later.topic === record.topic && later.offset < record.offset)
    for (const record of order.filter(isLast)) takeUpTo(record.topic, record.offset + 1)
    for (const { topic, position } of committed)
      if (inputs.flat().some(record => record.topic === topic)) takeUpTo(topic, position)
  }
  return result
}

export function idOf({ headers }: LoggedRecord): string {
  return headers.find(([name]) => name === HEADER)?.[1].toString() ?? ''
}

function asBatch({ topic, partition, offset, ...record }: LoggedRecord): RecordBatch {
  return {
    topic,
    partition,
    baseOffset: offset,
    lastOffset: offset,
    count: 1,
    baseTimestamp: record.timestamp,
    maxTimestamp: record.timestamp,
    logAppendTime: false,
    bytes: encodeRecords([record], record.timestamp),
  }
}
