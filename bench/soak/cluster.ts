/** What runs while it is soaked: two nodes of the watch workload as processes, the load, and who looks at lag and memory. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Log, RecordCursor } from '../../topology/index.ts'
import { TellingProgram } from '../events.ts'
import { decoderOf } from '../watch/recomputation.ts'
import { topics } from '../watch/topology.ts'
import { type EndlessWindows, SLICE } from './input.ts'
import { type Life, Usage } from './usage.ts'

export const GROUP = 'soak'
const PARTITIONS = 4
export const nodes = ['a', 'b'] as const
export type NodeName = (typeof nodes)[number]

/** Milliseconds between two looks at lag; memory is looked at in one of five, and one of thirty removes what is worked off. */
const LOOK = 1000
const [MEMORY_EVERY, PURGE_EVERY] = [5, 30]
const schemas = join(import.meta.dirname, '../watch/schemas')

export interface Place {
  readonly log: Log
  readonly brokers: string
  readonly brokerPid: number
  /** For state. */
  readonly directory: string
  readonly model: string
  /** A cycle of readings. */
  readonly input: string
  readonly windows: EndlessWindows
  readonly signal: AbortSignal
}

export interface Look {
  /** Of `performance.now`. */
  readonly at: number
  /** Records that are sent and not worked off. */
  readonly lag: number
  /** Milliseconds for which the next records have been due to be sent. */
  readonly late: number
}

export class SoakedCluster {
  readonly looks: Look[] = []
  readonly lives: Life[] = []
  readonly #place: Place
  readonly #load: TellingProgram
  readonly #running = new Map<NodeName, { readonly program: TellingProgram; readonly usage: Usage }>()
  readonly #broker: Usage
  #sentAll = false
  #over = false
  /** Rejects when something fails that nobody waits for. */
  readonly #watching: Promise<unknown>

  private constructor(place: Place) {
    this.#place = place
    this.#broker = new Usage('broker', place.brokerPid)
    const words = ['--import', 'tsx', join(import.meta.dirname, 'load.ts')]
    words.push(place.brokers, topics.readings, place.input)
    this.#load = new TellingProgram(process.execPath, words, { input: true, signal: place.signal })
    for (const name of nodes) this.run(name)
    this.#watching = Promise.all([this.#look(), this.#read()])
    this.#watching.catch(() => {}) // `meanwhile` tells it
  }

  static async start(place: Place): Promise<SoakedCluster> {
    const config = { 'retention.ms': '-1', 'segment.bytes': String(64 << 20) }
    await place.log.admin.createTopics(
      Object.values(topics).map(topic => ({ topic, partitions: PARTITIONS, config })),
    )
    return new SoakedCluster(place)
  }

  run(name: NodeName): void {
    const { brokers, model, directory, signal } = this.#place
    const options = { brokers, model, 'application-id': GROUP, 'client-id': name }
    const state = { 'state-dir': join(directory, name) }
    const words = Object.entries({ ...options, ...state }).flatMap(([option, value]) => [
      `--${option}`,
      value,
    ])
    const program = new TellingProgram(
      process.execPath,
      [join(import.meta.dirname, '../watch-bench.mjs'), ...words],
      { signal },
    )
    this.#running.set(name, { program, usage: new Usage(name, program.pid) })
  }

  /** @returns milliseconds until it was gone */
  async end(name: NodeName, how: 'SIGTERM' | 'SIGKILL'): Promise<number> {
    const { program, usage } = this.#running.get(name)!
    this.#running.delete(name)
    this.lives.push(usage.life)
    const began = performance.now()
    await (how === 'SIGTERM' ? program.stop() : program.kill())
    return performance.now() - began
  }

  /** From now on it is looked at what processes hold. */
  resetUsage(): void {
    this.#broker.reset()
    for (const { usage } of this.#running.values()) usage.reset()
  }

  send(rate: number): void {
    this.#load.tell(`rate ${rate}`)
  }

  /** Sends no more; answers with the number of slices that were sent. */
  async endLoad(): Promise<number> {
    this.#sentAll = true
    this.#load.endInput()
    return Number((await this.#load.event('END')).detail[0])
  }

  /** Waits, unless something fails meanwhile. */
  async meanwhile<T>(work: Promise<T>): Promise<T> {
    this.#place.signal.throwIfAborted()
    const failed = this.#watching.then(() => {
      throw new Error('nobody looks any more')
    })
    return await Promise.race([work, failed])
  }

  async pass(seconds: number): Promise<void> {
    await this.meanwhile(delay(seconds * 1000, undefined, { signal: this.#place.signal }))
  }

  /** Waits until both nodes are members and lag has stayed within `records` for some looks. @throws when that takes too long */
  async caughtUp(records: number, since: number): Promise<Recovery> {
    const [QUIET, PATIENCE] = [5, 180_000]
    for (;;) {
      await this.pass(LOOK / 1000)
      const looks = this.looks.filter(({ at }) => at >= since)
      const last = looks.findLastIndex(({ lag }) => lag > records)
      const members = await this.#place.log.admin.members(GROUP)
      if (looks.length - 1 - last >= QUIET && members.length === nodes.length) {
        const seconds = last < 0 ? 0 : (looks[last + 1]!.at - since) / 1000
        return { seconds, mostLag: Math.max(...looks.map(({ lag }) => lag)) }
      }
      if (performance.now() > since + PATIENCE) throw new Error(`lag is ${looks.at(-1)?.lag} and stays`)
    }
  }

  /** Ends all, and answers with what each process held. */
  async close(): Promise<readonly Life[]> {
    this.#over = true
    await this.#watching.catch(() => {})
    for (const name of [...this.#running.keys()]) await this.end(name, 'SIGTERM')
    await this.#load.stop()
    return [...this.lives, this.#broker.life]
  }

  async #look(): Promise<void> {
    const { admin } = this.#place.log
    let worked: Awaited<ReturnType<typeof admin.committed>> = []
    for (let round = 0; !this.#over; round++) {
      const due = performance.now() + LOOK
      for (const { program } of this.#running.values()) program.expectRunning()
      if (!this.#sentAll) this.#load.expectRunning()
      const committed = await admin.committed(GROUP, [topics.readings])
      const ends = await admin.offsets(topics.readings)
      const positionOf = (partition: number): number =>
        committed.find(each => each.partition === partition)?.position ?? 0
      const lag = ends.reduce((sum, { partition, end }) => sum + Math.max(0, end - positionOf(partition)), 0)
      const late = Number(this.#load.events.findLast(({ name }) => name === 'SENT')?.detail[1] ?? 0)
      this.looks.push({ at: performance.now(), lag, late })
      if (round % MEMORY_EVERY === 0) {
        this.#broker.look()
        for (const { usage } of this.#running.values()) usage.look()
      }
      if (round % PURGE_EVERY === 0) {
        // What was worked off the last time, so that nobody reads there any more.
        if (worked.length > 0) await admin.deleteRecords(worked)
        worked = committed
      }
      await delay(Math.max(0, due - performance.now()))
    }
  }

  async #read(): Promise<void> {
    const { log, windows } = this.#place
    const reader = await log.reader({ clientId: 'soak' })
    try {
      const decoders = new Map([
        [topics.predictions, decoderOf(join(schemas, 'Prediction.avsc'))],
        [topics.annotationRequests, decoderOf(join(schemas, 'AnnotationRequest.avsc'))],
      ])
      const decode = new Map<string, ReturnType<typeof decoderOf>>(decoders)
      for (const topic of decode.keys())
        for (let partition = 0; partition < PARTITIONS; partition++) reader.seek({ topic, partition }, 0)
      const cursor = new RecordCursor()
      while (!this.#over) {
        for (const batch of await reader.poll(200)) {
          const { topic } = batch
          for (cursor.reset(batch, 0); cursor.next(); ) {
            const { deviceId, windowStart, count, label, confidence } = decode.get(topic)!(cursor.value!)
            const emitted = {
              topic,
              count: Number(count),
              label: Number(label),
              confidence: Number(confidence),
            }
            windows.take(String(deviceId), Number(windowStart), emitted)
          }
        }
      }
    } finally {
      await reader.close()
    }
  }
}

export interface Recovery {
  /** Until lag was small again and stayed so. */
  readonly seconds: number
  readonly mostLag: number
}

/** Slices of a rate, in a whole number of records. */
export function wholeSlices(rate: number): number {
  return Math.max(SLICE, Math.round(rate / SLICE) * SLICE)
}
