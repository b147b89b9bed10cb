/**
 * A node of several worker threads. Each is a member of the group of its own, with a log, stores and a client id of its own;
 * this thread starts them, adds up what they did, and ends all when one fails.
 *
 * Functions cannot be handed to another thread: a module is named instead, whose default export makes a thread's node.
 * Threads keep their tasks' databases in one directory. RocksDB's lock tells them apart as it does processes: a task that moves
 * from one thread to another is tried again until the first one has closed its database.
 */
// A native package that a worker thread loads first cannot be loaded again once that thread has ended.
import '../state/rocksdb.ts'
import { Worker } from 'node:worker_threads'
import type { RestoreEvent } from './changelog-reader.ts'
import type { DeadLetter } from './dead-letters.ts'
import { type ErrorCode, TickerError } from './errors.ts'
import type { NodeOptions, StreamsNode } from './node.ts'
import { type NodeStatus, nodeStatus } from './node-status.ts'
import type { StoreQueries } from './queries.ts'
import type { Decision } from './recorded.ts'
import { type Question, threadQueries } from './thread-queries.ts'

/** What a node tells of itself; the same for one thread and for all of them. */
export type NodeListener = Pick<
  NodeOptions,
  'onNotice' | 'onDeadLetter' | 'onDecision' | 'onRestore' | 'onRestored'
>

/** What is to be handed to the thread's node. */
export interface ThreadContext {
  readonly clientId: string
  /** The node that the thread belongs to. */
  readonly node: string
  readonly listener: Required<NodeListener>
}

/** What the default export of a thread's module gives: the node, and what is to be closed after it. */
export interface ThreadNode {
  readonly node: StreamsNode
  close(): Promise<void>
}

/** The default export of a thread's module. `data` is a clone. */
export type ThreadMaker<D> = (data: D, context: ThreadContext) => Promise<ThreadNode>

export interface WorkerThreadsOptions extends NodeListener {
  /** Its default export is a `ThreadMaker`. */
  readonly module: URL
  /** What can be cloned (plain data). */
  readonly data: unknown
  readonly threads: number
  /** Unique per node; the threads' are `CLIENTID-1`, `CLIENTID-2`, … */
  readonly clientId: string
}

type Call = 'start' | 'close' | 'pause' | 'resume'

type Asked = { readonly call: Call } | { readonly call: 'query'; readonly question: Question }

export type ThreadRequest = { readonly id: number } & Asked

export interface ThreadFailure {
  readonly code: string | undefined
  readonly message: string
  readonly stack: string | undefined
}

export type ThreadMessage =
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown }
  | { readonly kind: 'refusal'; readonly id: number; readonly error: ThreadFailure }
  | { readonly kind: 'failed'; readonly error: ThreadFailure }
  | { readonly kind: 'status'; readonly status: NodeStatus }
  | { readonly kind: 'notice'; readonly text: string }
  | { readonly kind: 'deadLetter'; readonly letter: DeadLetter }
  | {
      readonly kind: 'decision'
      readonly task: string
      readonly store: string
      readonly decision: Decision<unknown>
    }
  | { readonly kind: 'restore'; readonly event: RestoreEvent }
  | { readonly kind: 'restored'; readonly task: string; readonly records: number }

const NONE = nodeStatus({ tasks: [], threads: [], standbys: [], restoring: [] })

export class WorkerThreads {
  readonly #options: WorkerThreadsOptions
  #threads: readonly Thread[] = []
  #closing: Promise<void> | undefined
  readonly #ended: Promise<void>
  #end: (error?: unknown) => void = () => {}

  constructor(options: WorkerThreadsOptions) {
    this.#options = options
    this.#ended = new Promise((resolve, reject) => {
      this.#end = error => (error === undefined ? resolve() : reject(error))
    })
    this.#ended.catch(() => {}) // whoever calls `run` is told
  }

  /** @throws what `StreamsNode.start` throws, or the module */
  async start(): Promise<void> {
    const { threads } = this.#options
    this.#threads = Array.from(
      { length: threads },
      (_, i) => new Thread(this.#options, i + 1, error => this.#end(error)),
    )
    // All at once: each first loads its code, and who has the tasks of all meanwhile would only have to give them away again.
    const started = await Promise.allSettled(this.#threads.map(thread => thread.call('start')))
    for (const each of started) if (each.status === 'rejected') throw each.reason
  }

  /** Until `close`. Rejects with what a thread cannot go on from. */
  run(): Promise<void> {
    return this.#ended
  }

  /** Reads the stores of all threads, and says who has the others. */
  get query(): StoreQueries {
    return threadQueries(this.#options.clientId, () =>
      this.#threads
        .filter(thread => thread.runs)
        .map(thread => question => thread.ask({ call: 'query', question })),
    )
  }

  /** As of the last quarter of a second; of a thread that has ended, when it ended. */
  status(): NodeStatus {
    return summed(this.#threads.map(thread => thread.status))
  }

  pause(): void {
    for (const thread of this.#threads) thread.call('pause').catch(() => {})
  }

  resume(): void {
    for (const thread of this.#threads) thread.call('resume').catch(() => {})
  }

  /** Commits, leaves the group and ends the threads. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const closed = await Promise.allSettled(this.#threads.map(thread => thread.close()))
    this.#end()
    for (const each of closed) if (each.status === 'rejected') throw each.reason
  }
}

/** One thread, as this one sees it. */
class Thread {
  status = NONE
  readonly #worker: Worker
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>()
  readonly #options: NodeListener
  readonly #exited: Promise<void>
  readonly #onFailed: (error: unknown) => void
  #lastId = 0
  #closing = false
  #over = false

  constructor(
    { module, data, clientId, ...listener }: WorkerThreadsOptions,
    number: number,
    onFailed: (error: unknown) => void,
  ) {
    this.#options = listener
    this.#onFailed = onFailed
    this.#worker = new Worker(new URL('./worker-thread.mjs', import.meta.url), {
      workerData: { module: module.href, data, clientId: `${clientId}-${number}`, node: clientId },
    })
    this.#worker.on('message', (message: ThreadMessage) => this.#take(message))
    this.#worker.on('error', error => this.#fail(error))
    this.#exited = new Promise(resolve => {
      this.#worker.on('exit', code => {
        this.#over = true
        for (const { reject } of this.#waiting.values()) reject(new Error(`thread ${number} has ended`))
        if (!this.#closing) this.#fail(new Error(`thread ${number} has ended by itself with ${code}`))
        resolve()
      })
    })
  }

  get runs(): boolean {
    return !this.#over && !this.#closing
  }

  async call(call: Call): Promise<void> {
    if (!this.#over) await this.ask({ call })
  }

  ask(request: Asked): Promise<unknown> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage({ id, ...request } satisfies ThreadRequest)
    })
  }

  async close(): Promise<void> {
    this.#closing = true
    try {
      await this.call('close')
    } finally {
      await this.#worker.terminate()
      await this.#exited
    }
  }

  #take(message: ThreadMessage): void {
    const { onNotice, onDeadLetter, onDecision, onRestore, onRestored } = this.#options
    switch (message.kind) {
      case 'answer':
        this.#waiting.get(message.id)?.resolve(message.value)
        this.#waiting.delete(message.id)
        break
      case 'refusal':
        this.#waiting.get(message.id)?.reject(errorOf(message.error))
        this.#waiting.delete(message.id)
        break
      case 'failed':
        this.#fail(errorOf(message.error))
        break
      case 'status':
        this.status = message.status
        break
      case 'notice':
        onNotice?.(message.text)
        break
      case 'deadLetter':
        onDeadLetter?.(withBuffers(message.letter))
        break
      case 'decision':
        onDecision?.(message.task, message.store, message.decision)
        break
      case 'restore':
        onRestore?.(message.event)
        break
      case 'restored':
        onRestored?.(message.task, message.records)
        break
    }
  }

  #fail(error: unknown): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
    this.#onFailed(error)
  }
}

/** A clone of a Buffer is a Uint8Array. */
function withBuffers(letter: DeadLetter): DeadLetter {
  const { key, value, headers } = letter
  return {
    ...letter,
    key: key && Buffer.from(key),
    value: value && Buffer.from(value),
    headers: headers.map(([name, bytes]) => [name, Buffer.from(bytes)] as const),
  }
}

function errorOf({ code, message, stack }: ThreadFailure): Error {
  const error = code === undefined ? new Error(message) : new TickerError(code as ErrorCode, message) // a code of that table
  if (stack !== undefined) error.stack = stack
  return error
}

function summed(statuses: readonly NodeStatus[]): NodeStatus {
  return nodeStatus({
    tasks: statuses.flatMap(each => each.tasks),
    threads: statuses.flatMap(each => each.threads),
    standbys: statuses.flatMap(each => each.standbys),
    restoring: statuses.flatMap(each => each.restoring),
  })
}
