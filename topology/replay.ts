/**
 * A task taken through its input again, beside the application and without changing anything of it: by the decisions that
 * were recorded, so that what comes out is what came out; or by other decisions, to see what would have come out then.
 *
 * What a task wrote depends on its input records in their order, on its recorded decisions, and on which records were given
 * up. All three are in the log. The first decision says from which position the task began. A decision is taken when
 * everything before its position is through, results under way too, as a commit does it. Records in the dead letters are
 * passed over where they are met, as they were then: that they failed may have been the fault of the time.
 *
 * That is all only if nothing else has a part: so not where several inputs meet in a task (their order is not in the log) nor
 * where windows close on idle time.
 */
import { deadLetters } from './dead-letter-queue.ts'
import { decisionsOf, type LoggedDecision } from './decision-log.ts'
import { TickerError } from './errors.ts'
import type { FailureStage } from './failure-policy.ts'
import type { Graph } from './graph.ts'
import type { Log, ProducerRecord } from './log/log.ts'
import { encodeRecords, type RecordBatch, RecordCursor } from './log/record-batch.ts'
import { deadLetterTopic, plan, type SubTopology } from './plan.ts'
import { PoisonRecords } from './poison.ts'
import { Task } from './task.ts'
import { systemTimers } from './timers.ts'

/** Milliseconds a poll waits for more. */
const POLL_WAIT = 500

export interface ReplayOptions {
  readonly log: Log
  /** The application's own, of one sub-topology with one input topic. */
  readonly topology: Graph
  readonly applicationId: string
  /** Unique among those who read. */
  readonly clientId: string
  readonly partition: number
  /** The position of the input that it ends before. */
  readonly until: number
  /** What holds from the beginning to the end for the recorded input of this name, instead of what was recorded. */
  readonly decide?: (name: string) => unknown
  /** Called before the first record, and again when a record fails that is not in the dead letters: what came out is void then. */
  readonly onBegin?: () => void
  /** What the task puts out, in its order. */
  readonly onOutputs: (records: readonly ProducerRecord[]) => Promise<void>
}

export interface ReplayedTask {
  /** Records taken. */
  readonly records: number
  /** Of the input: where it began, and where it would have had to, if those records were not gone. */
  readonly from: number
  readonly recordedFrom: number
}

/**
 * @throws TickerError REPLAY_UNSUPPORTED for a topology of another kind, REPLAY_NOTHING_RECORDED where no decision was ever
 * taken; LOG_…, and what operators throw
 */
export async function replayTask(options: ReplayOptions): Promise<ReplayedTask> {
  const { log, applicationId, topology } = options
  const { subTopologies, globalTables } = plan(topology, applicationId)
  const [part, ...others] = subTopologies
  const [topic, ...further] = part?.sourceTopics ?? []
  if (part === undefined || topic === undefined || others.length + further.length + globalTables.length > 0) {
    const what = `${applicationId} has more than one input or sub-topology, and their order is not in the log`
    throw new TickerError('REPLAY_UNSUPPORTED', what)
  }
  const partitions = new Map<string, number>()
  for (const sink of part.sinkTopics) {
    const description = await log.admin.describeTopic(sink)
    if (description !== undefined) partitions.set(sink, description.partitions)
  }
  const poison = await recordedPoison(options, topic)
  while (true) {
    const marked = poison.size
    try {
      options.onBegin?.()
      return await new Attempt(options, { part, topic, partitions, poison }).run()
    } catch (error) {
      // A record failed and is marked: what came before is done again, and it is passed over.
      if (poison.size === marked) throw error
    }
  }
}

/** The records that the application gave up, as marks. */
async function recordedPoison(options: ReplayOptions, topic: string): Promise<PoisonRecords> {
  const { log, applicationId, clientId, partition } = options
  const poison = new PoisonRecords()
  if ((await log.admin.describeTopic(deadLetterTopic(applicationId))) === undefined) return poison
  for await (const letter of deadLetters({ log, applicationId, clientId })) {
    if (letter.topic !== topic || letter.partition !== partition) continue
    const reason = {
      stage: stageOf(letter.stage),
      operator: letter.operator,
      code: 'RECORD_FAILED',
      error: new Error(letter.message),
    } as const
    poison.mark(letter, { ...reason, answer: 'deadLetter' }, { afterProgress: true })
  }
  return poison
}

const stages: readonly FailureStage[] = ['decode', 'process', 'produce']

function stageOf(text: string): FailureStage {
  return stages.find(stage => stage === text) ?? 'process'
}

/** One way through the input, with a new task. */
class Attempt {
  readonly #options: ReplayOptions
  readonly #topic: string
  readonly #task: Task
  /** Not taken yet, by the recorded input; the next one first. */
  readonly #pending = new Map<string, LoggedDecision<unknown>[]>()
  /** The position up to which decisions are due. */
  #reached = 0
  #records = 0

  constructor(
    options: ReplayOptions,
    {
      part,
      topic,
      partitions,
      poison,
    }: {
      part: SubTopology
      topic: string
      partitions: ReadonlyMap<string, number>
      poison: PoisonRecords
    },
  ) {
    const { log, applicationId, partition } = options
    this.#options = options
    this.#topic = topic
    this.#task = new Task({
      id: { subTopology: part.id, partition },
      part,
      applicationId,
      partitions,
      batchLimits: new Map(),
      failureHandlers: { process: () => 'deadLetter', produce: () => 'deadLetter' },
      poison,
      globals: new Map(),
      offsets: name => log.admin.offsets(name),
      timers: systemTimers,
    })
  }

  async run(): Promise<ReplayedTask> {
    const { log, clientId, partition } = this.#options
    const tp = { topic: this.#topic, partition }
    if (this.#task.operators.idle.length > 0)
      throw new TickerError('REPLAY_UNSUPPORTED', 'windows close on idle time')
    const recordedFrom = await this.#readDecisions()
    const { start, end } = (await log.admin.offsets(this.#topic)).find(
      each => each.partition === partition,
    ) ?? {
      start: 0,
      end: 0,
    }
    const from = Math.max(start, recordedFrom)
    const until = Math.min(end, this.#options.until)
    this.#task.start([{ ...tp, position: from }])
    await this.#decide(from)
    const reader = await log.reader({ clientId })
    try {
      reader.seek(tp, from)
      for (let position = from; position < until; ) {
        for (const batch of await reader.poll(POLL_WAIT)) {
          if (batch.lastOffset < position) continue
          await this.#take(batch, position, until)
          position = batch.lastOffset + 1
          await this.#putOut()
          // A log in memory answers at once: whatever else goes on here has its turn too.
          await new Promise(resolve => setImmediate(resolve))
        }
      }
    } finally {
      await reader.close()
      this.#task.close()
    }
    return { records: this.#records, from, recordedFrom }
  }

  /** Answers with the position from which the task began. */
  async #readDecisions(): Promise<number> {
    const { log, applicationId, clientId, partition, decide } = this.#options
    let first = 0
    for (const store of this.#task.operators.decisions) {
      const { name, value } = store
      const recorded = (await decisionsOf({ log, applicationId, clientId, name, value })).filter(
        each => each.partition === partition,
      )
      if (recorded.length > 0) first = Math.max(first, this.#positionOf(recorded[0]!))
      if (decide !== undefined) {
        const constant = decide(name)
        store.follow(() => constant)
        continue
      }
      if (recorded.length === 0)
        throw new TickerError(
          'REPLAY_NOTHING_RECORDED',
          `task ${this.#task.name} never took a decision for ${name}`,
        )
      let current = recorded[0]!.value
      this.#pending.set(name, recorded)
      store.follow(() => {
        const due = this.#pending.get(name)?.findLast(each => this.#positionOf(each) <= this.#reached)
        if (due !== undefined) current = due.value
        return current
      })
    }
    return first
  }

  async #decide(position: number): Promise<void> {
    this.#reached = position
    await this.#task.drain()
    await this.#task.decide()
    for (const [name, decisions] of this.#pending) {
      this.#pending.set(
        name,
        decisions.filter(each => this.#positionOf(each) > position),
      )
    }
  }

  /** The next position from which another decision holds. */
  get #nextDecision(): number {
    const next = [...this.#pending.values()].map(decisions => this.#positionOf(decisions[0]))
    return Math.min(Number.POSITIVE_INFINITY, ...next)
  }

  #positionOf(decision: LoggedDecision<unknown> | undefined): number {
    if (decision === undefined) return Number.POSITIVE_INFINITY
    return decision.from.find(each => each.topic === this.#topic)?.position ?? 0
  }

  /** Whole where nothing happens within it, else record by record. */
  async #take(batch: RecordBatch, position: number, until: number): Promise<void> {
    if (this.#nextDecision <= batch.baseOffset) await this.#decide(batch.baseOffset)
    if (batch.lastOffset < Math.min(this.#nextDecision, until)) {
      this.#task.add(batch)
      return await this.#process()
    }
    const cursor = new RecordCursor().reset(batch, position)
    while (cursor.next() && cursor.offset < until) {
      if (this.#nextDecision <= cursor.offset) await this.#decide(cursor.offset)
      this.#task.add(single(batch, cursor))
      await this.#process()
    }
  }

  /** Until it has no record, nor waits for anything. */
  async #process(): Promise<void> {
    const task = this.#task
    const before = task.processed
    while (task.process(Number.POSITIVE_INFINITY) > 0 || task.parked || task.full) {
      if (task.full) await this.#putOut()
      else if (task.parked) await new Promise(resolve => setImmediate(resolve))
    }
    this.#records += task.processed - before
  }

  async #putOut(): Promise<void> {
    await this.#task.drain()
    await this.#options.onOutputs(this.#task.snapshot().outputs)
  }
}

/** A batch of the record that the cursor is at. */
function single({ topic, partition }: RecordBatch, cursor: RecordCursor): RecordBatch {
  const { key, value, timestamp, offset } = cursor
  return {
    topic,
    partition,
    baseOffset: offset,
    lastOffset: offset,
    count: 1,
    baseTimestamp: timestamp,
    maxTimestamp: timestamp,
    logAppendTime: false,
    bytes: encodeRecords([{ key, value, timestamp, headers: cursor.headers() }], timestamp),
  }
}
