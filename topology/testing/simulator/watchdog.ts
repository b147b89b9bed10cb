/**
 * Notices an endless loop: a promise that is settled at once, over and over, leaves no turn to timers, so only another
 * thread can tell. It names the seed and ends the process.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

const LIMIT = 120_000

export class Watchdog {
  readonly #progress = new Int32Array(new SharedArrayBuffer(8))
  readonly #worker: Worker

  private constructor(limit: number) {
    // Without the loader of TypeScript, which would ask the thread that hangs.
    this.#worker = new Worker(new URL('./watchdog.mjs', import.meta.url), {
      workerData: { shared: this.#progress.buffer, limit },
      execArgv: [],
    })
  }

  /** @param limit milliseconds that one seed may take */
  static async start(limit = LIMIT): Promise<Watchdog> {
    const watchdog = new Watchdog(limit)
    await once(watchdog.#worker, 'online')
    watchdog.#worker.unref()
    return watchdog
  }

  /** The run of a seed begins. */
  begins(seed: number): void {
    Atomics.store(this.#progress, 1, seed)
    Atomics.add(this.#progress, 0, 1)
    Atomics.notify(this.#progress, 0)
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }
}
