/** What a fault run consists of: a broker, three nodes, a feed, and what is observed of them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Log, RecordCursor } from '../../index.ts'
import { type RunningBroker, startBroker } from '../../log/kafka/broker/start-broker.ts'
import { kafkaLog } from '../../log/kafka/kafka-log.ts'
import { CommitWatch } from './commit-watch.ts'
import { PARTITIONS, topicsOf } from './pipeline.ts'
import { FaultyNode, type Feed, startFeed } from './processes.ts'
import { Random } from './random.ts'
import { mountScratchDisk, type ScratchDisk } from './scratch-disk.ts'

export const APPLICATION = 'faults'
const NODES = 3
/** Records per second. */
const RATE = 400
/** Milliseconds within which all partitions must commit again, whatever happened, on however busy a machine. */
const PATIENCE = 300_000

export class FaultRun {
  readonly random: Random
  readonly watch: CommitWatch
  readonly nodes: readonly FaultyNode[]
  /** It joins and leaves. */
  readonly visitor: FaultyNode
  /** That of the last node's state; undefined where none can be mounted. */
  readonly disk: ScratchDisk | undefined
  readonly unexpectedEnds: string[] = []
  readonly #directory: string
  readonly #say: (text: string) => void
  readonly #log: Log
  readonly #feed: Feed
  #broker: RunningBroker
  #cut: (request: string) => void = () => {}

  static async begin(seed: number, say: (text: string) => void): Promise<FaultRun> {
    const directory = mkdtempSync(join(tmpdir(), 'tickerwatch-faults-'))
    const broker = await startBroker({ dataDir: join(directory, 'kafka'), onProgress: say })
    const log = await kafkaLog({ brokers: [broker.brokers], clientId: 'fault-run' })
    const { numbers, counts, windows, late } = topicsOf(APPLICATION)
    const topics = [numbers, counts, windows, late].map(topic => ({ topic, partitions: PARTITIONS }))
    await log.admin.createTopics(topics)
    const run = new FaultRun({ directory, broker, log, seed, say })
    for (const node of run.nodes) node.run()
    await run.settled()
    return run
  }

  private constructor(of: {
    directory: string
    broker: RunningBroker
    log: Log
    seed: number
    say: (text: string) => void
  }) {
    this.random = new Random(of.seed)
    this.#directory = of.directory
    this.#broker = of.broker
    this.#log = of.log
    this.#say = of.say
    this.watch = new CommitWatch(
      this.#inputs.flatMap(topic => Array.from({ length: PARTITIONS }, (_, p) => `${topic}/${p}`)),
    )
    this.nodes = Array.from({ length: NODES }, (_, index) => this.#node(`node-${index + 1}`))
    this.visitor = this.#node('visitor')
    this.disk = mountScratchDisk(this.nodes.at(-1)!.start.state)
    process.once('exit', this.#remove)
    const brokers = of.broker.brokers
    this.#feed = startFeed({ brokers, applicationId: APPLICATION, seed: of.seed, rate: RATE })
  }

  get brokers(): string {
    return this.#broker.brokers
  }

  get acknowledged(): readonly number[] {
    return this.#feed.acknowledged
  }

  /** Answers when every node has work to commit. @throws Error when one gets none */
  async settled(): Promise<void> {
    for (const node of this.nodes) await inTime(node.commits(), `${node.name} commits nothing`)
  }

  /** Milliseconds from then until all partitions have committed again. @throws Error when they do not */
  recovered(since: number): Promise<number> {
    return this.watch.recovered(since, PATIENCE)
  }

  /** Answers when a connection was cut at this request. @throws Error when that does not come about */
  async cut(request: string, arm: () => void): Promise<void> {
    const done = new Promise<void>(resolve => {
      this.#cut = each => {
        if (each === request) resolve()
      }
    })
    arm()
    await inTime(done, `no ${request} was written`)
  }

  /** Answers when the node has died or stands still. @throws Error when it does not */
  async struck(node: FaultyNode, point: string): Promise<void> {
    await inTime(node.struck(), `${node.name} did not come to "${point}"`)
  }

  /** A node that reads this topic of the pipeline. */
  readerOf(topic: keyof ReturnType<typeof topicsOf>): FaultyNode {
    const found = this.nodes.find(node => node.reads(topicsOf(APPLICATION)[topic]))
    if (found === undefined) throw new Error(`no node reads ${topic}`)
    return found
  }

  /** Answers with when it was gone: until then transactions may still be committed. */
  async restartBroker(how: 'stop' | 'kill'): Promise<number> {
    const port = Number(this.brokers.split(':')[1])
    await this.#broker[how]()
    const gone = Date.now()
    this.#broker = await startBroker({ dataDir: join(this.#directory, 'kafka'), port })
    return gone
  }

  /** Ends the feed, waits until all it wrote has been processed, and stops the nodes. Answers with how long each took. */
  async finish(): Promise<number[]> {
    await this.#feed.stop()
    const deadline = Date.now() + PATIENCE
    while (await this.#isBehind()) {
      if (Date.now() > deadline) {
        this.#say(`the nodes did not process all of the input within ${PATIENCE / 1000} s`)
        break
      }
    }
    const times: number[] = []
    for (const node of this.nodes) times.push(await node.stop())
    return times
  }

  /** Ends all that is left. What a failed run has stored on the large disk, the broker's log too, is kept to be looked into. */
  async end({ failed }: { readonly failed: boolean }): Promise<void> {
    await this.#log.close()
    for (const node of [...this.nodes, this.visitor]) await node.kill()
    await this.#broker.stop()
    this.disk?.remove()
    if (failed) this.#say(`what was stored is kept in ${this.#directory}`)
    else this.#remove()
    process.off('exit', this.#remove)
  }

  readonly #remove = (): void => {
    this.disk?.remove()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  get #inputs(): string[] {
    const { numbers, repartition } = topicsOf(APPLICATION)
    return [numbers, repartition]
  }

  /** Whether a record lies beyond the committed positions. */
  async #isBehind(): Promise<boolean> {
    const committed = await this.#log.admin.committed(APPLICATION, this.#inputs)
    const reader = await this.#log.reader({ clientId: 'fault-run' })
    const cursor = new RecordCursor()
    try {
      for (const topic of this.#inputs) {
        for (const { partition, start, end } of await this.#log.admin.offsets(topic)) {
          const position =
            committed.find(each => each.topic === topic && each.partition === partition)?.position ?? start
          if (position < end) reader.seek({ topic, partition }, position)
        }
      }
      // What lies there may be the ends of transactions only.
      for (let quiet = 0; quiet < 3; quiet++) {
        for (const batch of await reader.poll(200)) {
          const position = committed.find(
            each => each.topic === batch.topic && each.partition === batch.partition,
          )?.position
          cursor.reset(batch, position ?? 0)
          if (cursor.next()) return true
        }
      }
      return false
    } finally {
      await reader.close()
    }
  }

  #node(clientId: string): FaultyNode {
    const { brokers } = this.#broker
    const state = join(this.#directory, 'state', clientId)
    const verbose = process.env.FAULTS_VERBOSE !== undefined
    return new FaultyNode(
      { brokers, applicationId: APPLICATION, clientId, state },
      {
        onCommitted: (partitions, at) => this.watch.committed(partitions, at),
        onCut: request => this.#cut(request),
        onNotice: text => {
          if (verbose) this.#say(`  ${clientId}: ${text}`)
        },
        onUnexpectedEnd: reason => {
          this.unexpectedEnds.push(`${clientId}: ${reason}`)
          this.#say(`  ${clientId} ended by itself: ${reason}`)
        },
      },
    )
  }
}

/** @throws Error `complaint` when the promise takes too long */
async function inTime(promise: Promise<void>, complaint: string): Promise<void> {
  const patience = new AbortController()
  const late = delay(PATIENCE, undefined, { signal: patience.signal }).then(
    () => Promise.reject(new Error(complaint)),
    () => {},
  )
  await Promise.race([promise, late])
  patience.abort()
}
