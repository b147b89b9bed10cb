/**
 * The contents of a node's global tables. They are read from the log alone, all partitions of each topic, complete before
 * a task runs and followed from then on. They belong to no task: nothing of them is committed, kept on disk or in a
 * changelog, because the topic itself is the table.
 */
import { KeyValueStore } from '../state/index.ts'
import { messageOf } from './failure-policy.ts'
import type { Log, Reader } from './log/log.ts'
import { type RecordBatch, RecordCursor } from './log/record-batch.ts'
import type { GlobalTableNode } from './nodes/joins.ts'
import { readyOf } from './serde.ts'
import type { Timers } from './timers.ts'

/** Milliseconds a poll waits while the end of a topic is not reached. */
const POLL_WAIT = 100
/** Milliseconds until something that could not be fetched is asked for again. */
const DECODE_RETRY = 1000

export interface GlobalStateOptions {
  readonly log: Log
  readonly clientId: string
  readonly timers: Timers
  readonly onNotice: (text: string) => void
}

interface Followed {
  readonly node: GlobalTableNode
  readonly contents: KeyValueStore<unknown, unknown>
  /** The offset of the next record, by partition. */
  readonly positions: Map<number, number>
}

export class GlobalState {
  readonly #options: GlobalStateOptions
  readonly #tables: readonly Followed[]
  readonly #cursor = new RecordCursor()
  #reader: Reader | undefined

  constructor(nodes: readonly GlobalTableNode[], options: GlobalStateOptions) {
    this.#options = options
    this.#tables = nodes.map(node => ({
      node,
      contents: new KeyValueStore<unknown, unknown>({ name: node.store, key: node.key, value: node.value }),
      positions: new Map(),
    }))
  }

  /** By the name of their node. */
  get tables(): ReadonlyMap<string, KeyValueStore<unknown, unknown>> {
    return new Map(this.#tables.map(({ node, contents }) => [node.name, contents]))
  }

  /** Reads each topic from its beginning to its end. */
  async start(): Promise<void> {
    if (this.#tables.length === 0) return
    const { log, clientId } = this.#options
    this.#reader = await log.reader({ clientId })
    for (const { node, positions } of this.#tables) {
      for (const { partition, start } of await log.admin.offsets(node.topic)) {
        positions.set(partition, start)
        this.#reader.seek({ topic: node.topic, partition }, start)
      }
    }
    await this.catchUp()
  }

  /** Reads up to what is now the end of each topic. */
  async catchUp(): Promise<void> {
    for (const { node, positions } of this.#tables) {
      for (const { partition, end } of await this.#options.log.admin.offsets(node.topic)) {
        while ((positions.get(partition) ?? 0) < end) await this.poll(POLL_WAIT)
      }
    }
  }

  /** Takes in what is there, or comes within `maxWait` milliseconds. */
  async poll(maxWait: number): Promise<void> {
    for (const batch of (await this.#reader?.poll(maxWait)) ?? []) await this.#apply(batch)
  }

  /** Takes in what comes until `stopping`. */
  async follow(maxWait: number, stopping: () => boolean): Promise<void> {
    while (this.#reader !== undefined && !stopping()) await this.poll(maxWait)
  }

  async close(): Promise<void> {
    await this.#reader?.close()
    this.#reader = undefined
  }

  async #apply(batch: RecordBatch): Promise<void> {
    const table = this.#tables.find(({ node }) => node.topic === batch.topic)
    if (table === undefined) return
    const cursor = this.#cursor
    cursor.reset(batch, table.positions.get(batch.partition) ?? 0)
    while (cursor.next()) await this.#put(table, batch)
    table.positions.set(batch.partition, batch.lastOffset + 1)
  }

  /** Waits where a schema must be fetched first. A record that cannot be decoded changes nothing and is reported. */
  async #put({ node, contents }: Followed, { topic, partition }: RecordBatch): Promise<void> {
    const { key, value, timestamp, offset } = this.#cursor
    if (key === null) return
    while (true) {
      try {
        // Whatever wrote the key, it is found by the bytes it has here.
        const id = node.key.deserialize(key)
        if (value === null) contents.delete(id)
        else contents.load(node.key.serialize(id), timestamped(timestamp, value))
        contents.takeChanges() // forgets the deletion: the topic has it
        return
      } catch (error) {
        const wanted = readyOf(error)
        const where = `${topic}/${partition} at ${offset}`
        if (wanted === undefined) {
          this.#options.onNotice(`the global table ${node.store} passes over ${where}: ${messageOf(error)}`)
          return
        }
        await wanted.catch(async reason => {
          this.#options.onNotice(`the global table ${node.store} waits at ${where}: ${messageOf(reason)}`)
          await new Promise<void>(resolve => this.#options.timers.after(DECODE_RETRY, resolve))
        })
      }
    }
  }
}

/** As a key-value store persists a value. */
function timestamped(timestamp: number, value: Buffer): Buffer {
  const time = Buffer.allocUnsafe(8)
  time.writeBigInt64BE(BigInt(timestamp))
  return Buffer.concat([time, value])
}
