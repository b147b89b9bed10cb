/** The processes of a fault run: its nodes, which it starts again when they end, and its feed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type FeedStart, type NodeOrder, type NodeStart, type Report, report } from './messages.ts'

/** Milliseconds until a node that ended by itself is started again. */
const RESTART_DELAY = 200
/** Milliseconds. */
const RECENT = 1_000
const POLL = 20

/** Starts a program of this folder; what it prints goes to standard error. */
function start(program: string, options: object, onReport: (message: Report) => void): ChildProcess {
  const file = fileURLToPath(new URL(program, import.meta.url))
  const words = ['--import', import.meta.resolve('tsx'), file, JSON.stringify(options)]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  child.on('message', message => onReport(report.parse(message)))
  // A run that ends by an error must leave none behind.
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  return child
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

export interface NodeListener {
  onCommitted(partitions: readonly string[], at: number): void
  onCut(request: string): void
  onNotice(text: string): void
  /** It ended though nobody had told it to; it is started again. */
  onUnexpectedEnd(reason: string): void
}

/** A node and its successors. */
export class FaultyNode {
  readonly start: Omit<NodeStart, 'strike' | 'cut'>
  readonly #listener: NodeListener
  #child: ChildProcess | undefined
  #committed: () => void = () => {}
  /** When it last committed each input partition. */
  readonly #commits = new Map<string, number>()
  /** Whether it is meant to run. */
  #wanted = false

  constructor(options: Omit<NodeStart, 'strike' | 'cut'>, listener: NodeListener) {
    this.start = options
    this.#listener = listener
  }

  get name(): string {
    return this.start.clientId
  }

  run(prepared: Pick<NodeStart, 'strike' | 'cut'> = {}): void {
    this.#wanted = true
    let failure = 'without a word'
    const child = start('node.ts', { ...this.start, ...prepared }, message => {
      if (message.kind === 'committed') {
        this.#listener.onCommitted(message.partitions, message.at)
        for (const partition of message.partitions) this.#commits.set(partition, message.at)
        this.#committed()
      }
      if (message.kind === 'cut') this.#listener.onCut(message.request)
      else if (message.kind === 'notice') this.#listener.onNotice(message.text)
      else if (message.kind === 'failed') failure = message.text
    })
    this.#child = child
    child.once('exit', (code, signal) => {
      // A node that was killed or told to stop has its next start from whoever did that.
      if (!this.#wanted || this.#child !== child || signal === 'SIGKILL') return
      this.#listener.onUnexpectedEnd(`${signal ?? code}, ${failure}`)
      setTimeout(() => {
        if (this.#wanted && this.#child === child) this.run()
      }, RESTART_DELAY)
    })
  }

  /** Whether it has just committed a partition of the topic. */
  reads(topic: string): boolean {
    const since = Date.now() - RECENT
    return [...this.#commits].some(([partition, at]) => partition.startsWith(`${topic}/`) && at > since)
  }

  /** Answers when it next commits. */
  async commits(): Promise<void> {
    await new Promise<void>(resolve => {
      this.#committed = resolve
    })
  }

  tell(order: NodeOrder): void {
    this.#child?.send(order)
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(name)
  }

  /** As a crash: kill -9. Answers when it is dead. */
  async kill(): Promise<void> {
    this.#wanted = false
    this.#child?.kill('SIGKILL')
    await this.ended()
  }

  /** Answers when a signal has ended or stopped it. */
  async struck(): Promise<void> {
    while (this.#child !== undefined && !hasEnded(this.#child)) {
      const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(this.#child.pid)], { encoding: 'utf8' })
      if (stdout.startsWith('T')) return
      await delay(POLL)
    }
  }

  /** Answers when it has ended, by whatever. */
  async ended(): Promise<void> {
    if (this.#child !== undefined && !hasEnded(this.#child)) await once(this.#child, 'exit')
  }

  /** Stops it in good order. Answers with how long it took, in milliseconds. @throws Error when it did not end well */
  async stop(): Promise<number> {
    this.#wanted = false
    const child = this.#child
    if (child === undefined || hasEnded(child)) return 0
    const begin = Date.now()
    child.kill('SIGTERM')
    await this.ended()
    if (child.exitCode !== 0) throw new Error(`${this.name} was to stop and ended with ${child.exitCode}`)
    return Date.now() - begin
  }
}

export interface Feed {
  /** Records of each input partition that the broker has acknowledged. */
  readonly acknowledged: readonly number[]
  /** Ends it. @throws Error when it failed */
  stop(): Promise<void>
}

export function startFeed(options: FeedStart): Feed {
  let acknowledged: readonly number[] = []
  let failure: string | undefined
  const child = start('feed.ts', options, message => {
    if (message.kind === 'acknowledged') acknowledged = message.counts
    else if (message.kind === 'failed') failure = message.text
  })
  return {
    get acknowledged() {
      return acknowledged
    },
    async stop() {
      child.kill('SIGTERM')
      // Not `exit`: its last report may still be on its way.
      if (child.connected) await once(child, 'disconnect')
      if (!hasEnded(child)) await once(child, 'exit')
      if (failure !== undefined || child.exitCode !== 0) throw new Error(`the feed failed: ${failure}`)
    },
  }
}
