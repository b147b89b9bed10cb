/**
 * Repartition topics are kept for ever, because their records have the event time of what they were made of; what has been
 * processed is deleted instead, now and then and beside the work. Each node does so for the tasks it runs.
 */
import type { Admin, CommittedOffset, TopicPartition } from './log/log.ts'
import type { Timers } from './timers.ts'

/** Milliseconds between two purges: Kafka Streams' repartition.purge.interval.ms. */
const INTERVAL = 30_000

export interface RepartitionPurgeOptions {
  readonly admin: Pick<Admin, 'committed' | 'deleteRecords'>
  readonly group: string
  readonly topics: ReadonlySet<string>
  readonly timers: Timers
  readonly onNotice: (text: string) => void
}

export class RepartitionPurge {
  readonly #options: RepartitionPurgeOptions
  /** Up to where each partition was purged. */
  readonly #purged = new Map<string, number>()
  #last: number
  #running: Promise<void> | undefined

  constructor(options: RepartitionPurgeOptions) {
    this.#options = options
    this.#last = options.timers.now()
  }

  /** Begins a purge, if one is due. @param inputs what the node's tasks read */
  tick(inputs: () => readonly TopicPartition[]): void {
    const { topics, timers, onNotice } = this.#options
    if (topics.size === 0 || this.#running !== undefined || timers.now() - this.#last < INTERVAL) return
    this.#last = timers.now()
    this.#running = this.#purge(inputs().filter(({ topic }) => topics.has(topic)))
      .catch(error =>
        onNotice(`processed records of repartition topics are not deleted yet: ${error.message}`),
      )
      .finally(() => {
        this.#running = undefined
      })
  }

  /** Waits for a purge under way. */
  async close(): Promise<void> {
    await this.#running
  }

  /** What is committed has been processed, whoever did it. */
  async #purge(inputs: readonly TopicPartition[]): Promise<void> {
    if (inputs.length === 0) return
    const { admin, group } = this.#options
    const committed = await admin.committed(group, [...new Set(inputs.map(({ topic }) => topic))])
    const due = committed.filter(
      each =>
        inputs.some(tp => tp.topic === each.topic && tp.partition === each.partition) &&
        each.position > (this.#purged.get(nameOf(each)) ?? 0),
    )
    if (due.length === 0) return
    await admin.deleteRecords(due)
    for (const each of due) this.#purged.set(nameOf(each), each.position)
  }
}

function nameOf({ topic, partition }: CommittedOffset): string {
  return `${topic}/${partition}`
}
