/** A fault run from beginning to end, and what it found. */
import { setTimeout as delay } from 'node:timers/promises'
import { APPLICATION, FaultRun } from './fault-run.ts'
import type { Count, Fault, Measured, Sort } from './faults.ts'
import { Random } from './random.ts'
import { isFaultless, type Verdict, verify } from './verifier.ts'

export interface FaultReport extends Readonly<Record<Count, number>>, Verdict {
  /** Nothing is lost, doubled, wrong, out of order or hanging, and all partitions committed again after each fault. */
  readonly passed: boolean
  readonly slowestRecoverySeconds: number
  /** Seconds until all partitions committed again, by what had happened. */
  readonly recoverySeconds: Readonly<Partial<Record<Sort, Times>>>
  /** Seconds a node took to stop at the end. */
  readonly slowestStopSeconds: number
  /** Nodes that ended though nobody had told them to, with the reason; they were started again. */
  readonly unexpectedEnds: readonly string[]
  readonly seed: number
  readonly seconds: number
}

interface Times {
  readonly count: number
  readonly median: number
  readonly slowest: number
}

export interface FaultRunOptions {
  /** For so long the rounds of all faults are repeated; the first is always completed. */
  readonly minutes: number
  readonly seed: number
  /** What is struck with, each once a round. */
  readonly faults: readonly Fault[]
  readonly say: (text: string) => void
}

export async function runFaults({ minutes, seed, faults, say }: FaultRunOptions): Promise<FaultReport> {
  const begin = Date.now()
  const counts: Record<Count, number> = {
    kills: 0,
    zombies: 0,
    brokerRestarts: 0,
    cuts: 0,
    joinsAndLeaves: 0,
    statesDamaged: 0,
    disksFull: 0,
  }
  const measured: Measured[] = []
  say(`seed ${seed}`)
  const run = await FaultRun.begin(seed, say)
  let stuck: string | undefined
  let passed = false
  try {
    const random = new Random(seed)
    const isOver = (): boolean => Date.now() - begin >= minutes * 60_000
    for (let round = 0; stuck === undefined && (round === 0 || !isOver()); round++) {
      for (const fault of random.shuffled(faults)) {
        if (round > 0 && isOver()) break
        const any = random.pick(run.nodes)
        const pause = random.below(800)
        try {
          await run.settled()
          await delay(pause)
          const node = fault.victim?.(run) ?? any
          const times = await fault.strike(run, node)
          measured.push(...times)
          for (const count of fault.counts) counts[count]++
          say(`${fault.name} (${node.name}): ${times.map(each => seconds(each.milliseconds)).join(' s, ')} s`)
        } catch (error) {
          stuck = `${fault.name}: ${error instanceof Error ? error.message : error}`
          break
        }
      }
    }
    if (stuck !== undefined) say(`stuck after ${stuck}`)
    const stops = await run.finish().catch(error => {
      throw stuck === undefined ? error : new Error(`stuck after ${stuck}, and then: ${error.message}`)
    })
    const verdict = await verify(run.brokers, APPLICATION, run.acknowledged)
    const problems = [...(stuck === undefined ? [] : [`stuck: ${stuck}`]), ...verdict.problems]
    for (const problem of problems) say(problem)
    passed = stuck === undefined && isFaultless(verdict)
    return {
      ...counts,
      ...verdict,
      problems,
      passed,
      slowestRecoverySeconds: seconds(Math.max(0, ...measured.map(each => each.milliseconds))),
      recoverySeconds: bySort(measured),
      slowestStopSeconds: seconds(Math.max(...stops)),
      unexpectedEnds: run.unexpectedEnds,
      seed,
      seconds: seconds(Date.now() - begin),
    }
  } finally {
    await run.end({ failed: !passed })
  }
}

function bySort(measured: readonly Measured[]): Partial<Record<Sort, Times>> {
  const sorts = [...new Set(measured.map(each => each.sort))].sort()
  return Object.fromEntries(
    sorts.map(sort => {
      const times = measured
        .filter(each => each.sort === sort)
        .map(each => each.milliseconds)
        .sort((a, b) => a - b)
      const median = times[Math.floor(times.length / 2)] ?? 0
      return [
        sort,
        { count: times.length, median: seconds(median), slowest: seconds(times.at(-1) ?? 0) },
      ] as const
    }),
  )
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds / 10) / 100
}
