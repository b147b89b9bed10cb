/**
 * Between a process and what it calls: each call starts when the seed says, its answer arrives when the seed says, and at
 * each of them a fault may strike: before the call takes effect, or after.
 */
import type { Action, Fault, Operation } from './faults.ts'
import type { Process, Simulation } from './simulation.ts'

/** A fault that strikes at a call. */
interface Trap {
  readonly action: Action
  readonly moment: 'before' | 'after'
}

export interface NetworkOptions {
  readonly simulation: Simulation
  readonly faults: readonly Fault[]
  /** Carries out what befalls a process rather than a call. */
  readonly befall: (process: Process, action: Action) => void
  /** A fault has struck. */
  readonly onFault: (action: Action) => void
}

/** Calls of one client, which take effect in the order in which they are made. */
export interface Channel {
  /** @param failure what the call fails with when a fault says that it does */
  call<T>(operation: Operation, effect: () => Promise<T>, failure: (message: string) => Error): Promise<T>
}

export class Network {
  readonly #options: NetworkOptions
  readonly #traps = new Map<Operation, Map<number, Trap[]>>()
  readonly #counts = new Map<Operation, number>()
  #healed = false

  constructor(options: NetworkOptions) {
    this.#options = options
    for (const { at, action } of options.faults) {
      if (!('operation' in at)) continue
      const byCount = this.#traps.get(at.operation) ?? new Map<number, Trap[]>()
      this.#traps.set(at.operation, byCount)
      byCount.set(at.nth, [...(byCount.get(at.nth) ?? []), { action, moment: at.moment }])
    }
  }

  /** No fault strikes any more. */
  heal(): void {
    this.#healed = true
  }

  /** @param local of the disk: what a process asked for and that did not begin ends with it */
  channel(process: Process, { local = false } = {}): Channel {
    const { simulation } = this.#options
    /** When the client's last request arrived. */
    let arrived = 0
    return {
      call: (operation, effect, failure) =>
        new Promise((resolve, reject) => {
          if (!process.alive) return
          const struck = this.#strike(operation)
          const late = (where: 'request' | 'answer'): number =>
            struck.reduce(
              (sum, { action }) =>
                action.kind === 'delay' && action.where === where ? sum + action.duration : sum,
              0,
            )
          const has = (kind: Action['kind']): boolean => struck.some(({ action }) => action.kind === kind)
          const befall = (moment: Trap['moment']): void => {
            for (const { action, moment: when } of struck)
              if (when === moment) this.#options.befall(process, action)
          }
          /** The answer is an event of the process: it does not come while that is stopped, and never once it is dead. */
          const answer = (give: () => void): void => {
            simulation.after(this.#latency() + late('answer'), give, process)
          }
          const fail = (what: string): void =>
            answer(() => reject(failure(`simulated: ${operation} ${what}`)))
          befall('before')
          // A process killed as it calls may or may not have sent the request.
          if (!process.alive && simulation.random() < 0.5) return
          const now = simulation.elapsed
          arrived = Math.max(arrived, now + this.#latency() + late('request'))
          simulation.after(arrived - now, () => {
            if (local && !process.alive) return
            if (has('fail')) {
              fail('failed')
              return
            }
            simulation.note(`${process.name} ${operation}`)
            effect().then(
              value => {
                befall('after')
                if (has('loseAnswer')) fail('was not answered')
                else answer(() => resolve(value))
              },
              (error: unknown) => {
                simulation.note(`${process.name} ${operation} failed: ${error}`)
                befall('after')
                answer(() => reject(error))
              },
            )
          })
        }),
    }
  }

  #strike(operation: Operation): readonly Trap[] {
    const count = (this.#counts.get(operation) ?? 0) + 1
    this.#counts.set(operation, count)
    if (this.#healed) return []
    const struck = this.#traps.get(operation)?.get(count) ?? []
    for (const { action } of struck) {
      this.#options.simulation.note(`fault at ${operation}: ${JSON.stringify(action)}`)
      this.#options.onFault(action)
    }
    return struck
  }

  /** Milliseconds; mostly short, sometimes not. */
  #latency(): number {
    const { random } = this.#options.simulation
    const which = random()
    return which < 0.9 ? 2 * random() : which < 0.98 ? 10 * random() : 60 * random()
  }
}
