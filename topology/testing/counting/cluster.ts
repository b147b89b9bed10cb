/**
 * The counting pipeline on a real broker, on nodes that are processes of their own: fed steadily, watched while they are
 * killed, and checked at the end record by record against what the input says.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Log, long, partitionOf, RecordCursor } from '../../index.ts'
import { kafkaLog } from '../../log/kafka/kafka-log.ts'
import { countingTopics, expectedOutput, type Numbered, numberedBytes } from './topology.ts'

const PARTITIONS = 4
const KEYS = 40
/** Milliseconds between two writes of a record per key, between two looks at what is committed, and until waiting is in vain. */
const FEED_INTERVAL = 20
const LOOK_INTERVAL = 10
const DEADLINE = 120_000
/** Windows in each partition. A quick machine has made all its restarts before so many are over. */
const ENOUGH = 120

const program = fileURLToPath(new URL('node.ts', import.meta.url))

export interface CountingOptions {
  /** Of a broker. */
  readonly brokers: string
  readonly applicationId: string
  /** Of the nodes, in milliseconds. */
  readonly sessionTimeout: number
}

/** What one partition was read to hold, beside what it should. */
export interface Output {
  readonly topic: string
  readonly partition: number
  readonly found: readonly string[]
  readonly expected: readonly string[]
}

export class CountingCluster {
  readonly #log: Log
  readonly #options: CountingOptions
  readonly #directory: string
  readonly #nodes = new Map<string, ChildProcess>()
  /** What of them was started and has not said so yet. */
  #starting: Promise<unknown> = Promise.resolve()
  /** By partition, in order. */
  readonly #written: Numbered[][] = Array.from({ length: PARTITIONS }, () => [])
  /** When each partition's committed position was seen to move: milliseconds of `performance.now`. */
  readonly #commits: number[][] = Array.from({ length: PARTITIONS }, () => [])
  #feeding = true
  #looking = true
  #feed: Promise<void> = Promise.resolve()
  #look: Promise<void> = Promise.resolve()

  private constructor(log: Log, directory: string, options: CountingOptions) {
    this.#log = log
    this.#directory = directory
    this.#options = options
  }

  /** Makes the topics and begins to write into the input. */
  static async start(options: CountingOptions): Promise<CountingCluster> {
    const { brokers, applicationId } = options
    const log = await kafkaLog({ brokers: [brokers], clientId: `${applicationId}-test` })
    const directory = await mkdtemp(join(tmpdir(), 'tickerwatch-counting-'))
    const topics = Object.values(countingTopics(applicationId))
    await log.admin.createTopics(
      topics.map(topic => ({ topic, partitions: PARTITIONS, config: { 'retention.ms': '-1' } })),
    )
    const cluster = new CountingCluster(log, directory, options)
    cluster.#feed = cluster.#writeInput()
    cluster.#look = cluster.#watchCommits()
    return cluster
  }

  /** The same name is the same instance: it finds its state again. */
  run(name: string, { threads = 1 } = {}): void {
    const { brokers, applicationId, sessionTimeout } = this.#options
    const words = ['--brokers', brokers, '--application-id', applicationId, '--client-id', name]
    words.push('--state', join(this.#directory, name), '--session-timeout', String(sessionTimeout))
    words.push('--threads', String(threads))
    const { NODE_OPTIONS: _, ...env } = process.env
    const node = spawn(process.execPath, ['--import', 'tsx', program, ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env,
    })
    this.#nodes.set(name, node)
    this.#starting = Promise.all([this.#starting, once(node.stdout!, 'data')])
  }

  /** @returns milliseconds until it was gone */
  async end(name: string, signal: NodeJS.Signals): Promise<number> {
    const node = this.#nodes.get(name)!
    this.#nodes.delete(name)
    const began = performance.now()
    const exited = once(node, 'exit')
    node.kill(signal)
    const [code] = await exited
    if (signal === 'SIGTERM' && code !== 0) throw new Error(`${name} ended with ${code}`)
    return performance.now() - began
  }

  /** Waits until what was started runs and every partition has committed some times more. */
  async committing(): Promise<void> {
    await this.#starting
    const before = this.#commits.map(times => times.length)
    const deadline = performance.now() + DEADLINE
    while (this.#commits.some((times, partition) => times.length < before[partition]! + 5)) {
      if (performance.now() > deadline) throw new Error('a partition does not commit')
      await delay(20)
    }
  }

  /**
   * Waits until every partition commits without a gap, from now on or from `since` on.
   * @returns milliseconds from `since` until every partition has committed and the last gap has ended, and the longest gap
   * of a partition
   */
  async settled(since = performance.now()): Promise<{ recovery: number; longestStall: number }> {
    const GAP = 600
    const QUIET = 3_000
    const deadline = performance.now() + DEADLINE
    await this.#starting
    while (performance.now() < deadline) {
      await delay(100)
      const now = performance.now()
      const gaps = this.#commits.flatMap(times => {
        const seen = [...times.filter(time => time > since - GAP), now]
        return seen.slice(1).map((end, i) => ({ end, length: end - seen[i]! }))
      })
      const first = this.#commits.map(times => times.find(time => time > since) ?? Number.POSITIVE_INFINITY)
      const long = gaps.filter(gap => gap.length > GAP && gap.end > since)
      // Where nothing stood still for longer than usual, each partition has committed all the same before it counts.
      const last = Math.max(...first, ...long.map(gap => gap.end))
      if (now - last > QUIET) {
        return { recovery: last - since, longestStall: Math.max(...gaps.map(gap => gap.length)) }
      }
    }
    throw new Error('a partition does not commit')
  }

  /** Writes no more once there is enough to compare, waits until all is processed, and reads what came out of it. */
  async outputs(): Promise<Output[]> {
    while (this.#written.some(records => expectedOutput(records).sums.length < ENOUGH)) await delay(100)
    this.#feeding = false
    await this.#feed
    await this.#drained()
    const topics = countingTopics(this.#options.applicationId)
    const expected = this.#written.map(expectedOutput)
    return (
      await Promise.all(
        expected.map(async ({ counts, sums }, partition) => [
          {
            topic: topics.counts,
            partition,
            expected: counts,
            found: await this.#read(topics.counts, partition),
          },
          { topic: topics.sums, partition, expected: sums, found: await this.#read(topics.sums, partition) },
        ]),
      )
    ).flat()
  }

  async close(): Promise<void> {
    this.#feeding = false
    this.#looking = false
    for (const name of [...this.#nodes.keys()]) await this.end(name, 'SIGKILL')
    await Promise.all([this.#feed, this.#look])
    await this.#log.close()
    await rm(this.#directory, { recursive: true, force: true })
  }

  async #writeInput(): Promise<void> {
    const producer = await this.#log.producer({ clientId: 'feed' })
    await producer.init()
    const { input: topic } = countingTopics(this.#options.applicationId)
    for (let round = 0; this.#feeding; round++) {
      const records = Array.from({ length: KEYS }, (_, i) => {
        const record = { key: `key-${i}`, value: round, timestamp: 1_700_000_000_000 + round * FEED_INTERVAL }
        const key = Buffer.from(record.key)
        const partition = partitionOf(key, PARTITIONS)
        this.#written[partition]!.push(record)
        return { topic, partition, key, value: numberedBytes(record), timestamp: record.timestamp }
      })
      await producer.send(records)
      await delay(FEED_INTERVAL)
    }
    await producer.close()
  }

  async #watchCommits(): Promise<void> {
    const { applicationId } = this.#options
    const { input } = countingTopics(applicationId)
    const seen = new Map<number, number>()
    while (this.#looking) {
      for (const { partition, position } of await this.#log.admin.committed(applicationId, [input])) {
        if (seen.get(partition) === position) continue
        seen.set(partition, position)
        this.#commits[partition]!.push(performance.now())
      }
      await delay(LOOK_INTERVAL)
    }
  }

  async #drained(): Promise<void> {
    const { applicationId } = this.#options
    const { input } = countingTopics(applicationId)
    const deadline = performance.now() + DEADLINE
    while (performance.now() < deadline) {
      const ends = await this.#log.admin.offsets(input)
      const committed = await this.#log.admin.committed(applicationId, [input])
      const positionOf = (partition: number) => committed.find(each => each.partition === partition)?.position
      if (ends.every(({ partition, end }) => positionOf(partition) === end)) return
      await delay(50)
    }
    throw new Error('the input is not processed to its end')
  }

  /** Read_committed, to the end. */
  async #read(topic: string, partition: number): Promise<string[]> {
    const found: string[] = []
    const reader = await this.#log.reader({ clientId: 'check' })
    const cursor = new RecordCursor()
    const end = (await this.#log.admin.offsets(topic))[partition]?.end ?? 0
    let position = 0
    reader.seek({ topic, partition }, position)
    while (position < end) {
      for (const batch of await reader.poll(100)) {
        for (cursor.reset(batch, position); cursor.next(); ) {
          found.push(`${cursor.key} ${long.deserialize(cursor.value ?? Buffer.alloc(0))} ${cursor.timestamp}`)
        }
        position = batch.lastOffset + 1
      }
    }
    await reader.close()
    return found
  }
}
