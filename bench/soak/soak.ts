/**
 * `npm run bench -- soak`: the watch workload for a long time, at half the highest rate with bounded lag, while its two nodes are
 * restarted one after the other. Whether lag returns to nothing, memory and handles stay flat, and every window comes out once.
 *
 * All is one run: the search for the rate, the soak and the end, with the same nodes, and every window of it is checked.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { median } from '../benchmark.ts'
import { peerSource } from '../watch/data-set.ts'
import { generate } from '../watch/input.ts'
import { withKafka } from '../with-kafka.ts'
import { type NodeName, nodes, type Recovery, SoakedCluster, wholeSlices } from './cluster.ts'
import { EndlessWindows, type Found, PER_DEVICE } from './input.ts'
import type { Life } from './usage.ts'

export interface SoakOptions {
  readonly minutes: number
  /** Seconds between two rounds in which each node is restarted. */
  readonly every: number
  readonly devices: number
  /** Seconds for which each rate is tried. */
  readonly step: number
  readonly json: boolean
  readonly signal: AbortSignal
}

/** Readings a second that are tried first. */
const FIRST_RATE = 25_000
/** Rates between the highest that was bounded and the lowest that was not. */
const HALVINGS = 3
/** Lag is small when it is what arrives in so many seconds: some commit intervals, and a look that came a little late. */
const SMALL = 1
/** Milliseconds that the load may be late at a rate: else it is not that rate. */
const LATE = 500
/** Seconds that are left after the last round begins. */
const LAST = 60
/** Which restarts are crashes: each third. */
const CRASH = 3

interface Restart extends Recovery {
  readonly node: NodeName
  readonly how: 'SIGTERM' | 'SIGKILL'
  /** Seconds after the soak began. */
  readonly at: number
  /** Milliseconds until the process was gone. */
  readonly took: number
}

interface Result {
  readonly benchmark: 'soak'
  readonly minutes: number
  readonly devices: number
  /** Readings a second. */
  readonly rates: { readonly highest: number; readonly soaked: number; readonly tried: readonly Tried[] }
  readonly lag: {
    /** Of all looks that are not within a restart. */
    readonly median: number
    readonly most: number
    readonly end: number
    /** Seconds after the soak began, and records: one look of each ten. */
    readonly overTime: readonly (readonly [seconds: number, records: number])[]
  }
  readonly restarts: readonly Restart[]
  readonly processes: readonly Life[]
  readonly output: Found
  /** Null: it ran too short to tell. */
  readonly verdicts: Readonly<Record<Verdict, boolean | null>>
}

type Verdict = 'lagReturnsToZero' | 'memoryFlat' | 'handlesFlat' | 'outputRight'

interface Tried {
  readonly rate: number
  readonly lag: number
  readonly late: number
  readonly bounded: boolean
}

/** @throws when something ends that should not, lag does not return, or a verdict is bad */
export async function soak(options: SoakOptions): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'tickerwatch-soak-'))
  try {
    const result = await withKafka(async ({ log, brokers, pid }) => {
      const { devices, signal } = options
      const [input, model] = [join(directory, 'cycle.bin'), join(directory, 'model.onnx')]
      writeFileSync(model, gunzipSync(readFileSync(join(peerSource, 'model.onnx.gz'))))
      await generate(input, { records: devices * PER_DEVICE, devices, signal })
      const readingSchema = join(import.meta.dirname, '../watch/schemas/SensorReading.avsc')
      const windows = await EndlessWindows.of(input, { model, readingSchema })
      const place = { log, brokers, brokerPid: pid, directory, model, input, windows, signal }
      const cluster = await SoakedCluster.start(place)
      let measured: Measured
      let lives: readonly Life[] = []
      try {
        measured = await measure(cluster, windows, options)
      } finally {
        lives = await cluster.close()
      }
      return resultOf(options, measured, lives)
    })
    print(result)
    if (options.json) console.log(JSON.stringify(result))
    const bad = Object.entries(result.verdicts).filter(([, verdict]) => verdict === false)
    if (bad.length > 0) throw new Error(`not so: ${bad.map(([name]) => name).join(', ')}`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

interface Measured {
  readonly rates: Result['rates']
  readonly restarts: readonly Restart[]
  readonly lag: Result['lag']
  readonly output: Found
}

async function measure(
  cluster: SoakedCluster,
  windows: EndlessWindows,
  options: SoakOptions,
): Promise<Measured> {
  const { highest, tried } = await highestRate(cluster, options.step)
  const soaked = wholeSlices(highest / 2)
  const began = performance.now()
  const restarts = await restarting(cluster, soaked, options)
  const sent = await cluster.meanwhile(cluster.endLoad())
  await cluster.caughtUp(0, performance.now())
  const output = await complete(cluster, windows, sent)
  const looks = cluster.looks.filter(({ at }) => at >= began)
  const since = ({ at }: { readonly at: number }): number => (at - began) / 1000
  const calm = looks.filter(
    look => !restarts.some(({ at, seconds }) => since(look) >= at && since(look) <= at + seconds),
  )
  return {
    rates: { highest, soaked, tried },
    restarts,
    lag: {
      median: median(calm.map(({ lag }) => lag)),
      most: Math.max(...looks.map(({ lag }) => lag)),
      end: looks.at(-1)!.lag,
      overTime: looks.filter((_, i) => i % 10 === 0).map(look => [Math.round(since(look)), look.lag]),
    },
    output,
  }
}

/** Doubles the rate until lag grows, and then looks between the two. */
async function highestRate(
  cluster: SoakedCluster,
  seconds: number,
): Promise<Omit<Result['rates'], 'soaked'>> {
  const tried: Tried[] = []
  const bounded = async (rate: number): Promise<boolean> => {
    cluster.send(rate)
    // The first half is for what the change itself brings with it.
    await cluster.pass(seconds / 2)
    const since = performance.now()
    await cluster.pass(seconds / 2)
    const looks = cluster.looks.filter(({ at }) => at >= since)
    const [lag, late] = [median(looks.map(({ lag }) => lag)), Math.max(...looks.map(({ late }) => late))]
    const held = lag <= rate * SMALL && late <= LATE
    tried.push({ rate, lag, late, bounded: held })
    note(`${rate}/s: lag ${lag}, ${late} ms late, ${held ? 'bounded' : 'too much'}`)
    if (!held) {
      cluster.send(0)
      await cluster.caughtUp(0, performance.now())
    }
    return held
  }
  cluster.send(FIRST_RATE)
  await cluster.caughtUp(FIRST_RATE * SMALL, performance.now())
  let [highest, lowest] = [0, FIRST_RATE]
  for (; await bounded(lowest); lowest *= 2) highest = lowest
  if (highest === 0) throw new Error(`lag grows at ${FIRST_RATE} readings a second already`)
  for (let i = 0; i < HALVINGS; i++) {
    const middle = wholeSlices((highest + lowest) / 2)
    if (await bounded(middle)) highest = middle
    else lowest = middle
  }
  return { highest, tried }
}

async function restarting(
  cluster: SoakedCluster,
  rate: number,
  { minutes, every }: SoakOptions,
): Promise<Restart[]> {
  cluster.send(rate)
  const began = performance.now()
  const left = (): number => minutes * 60 - (performance.now() - began) / 1000
  await cluster.caughtUp(rate * SMALL, began)
  cluster.resetUsage()
  const restarts: Restart[] = []
  // One node after the other, as in an upgrade; so each has lived with all partitions for a moment early in its life.
  for (let round = 1; round === 1 || round * every + LAST <= minutes * 60; round++) {
    await cluster.pass(Math.max(0, round * every - (minutes * 60 - left())))
    for (const node of nodes) {
      const how = (restarts.length + 1) % CRASH === 0 ? 'SIGKILL' : 'SIGTERM'
      const since = performance.now()
      const took = Math.round(await cluster.end(node, how))
      cluster.run(node)
      const recovery = await cluster.caughtUp(rate * SMALL, since)
      restarts.push({ node, how, at: (since - began) / 1000, took, ...recovery })
      note(`${node}, ${how}: gone after ${took} ms, lag small after ${recovery.seconds.toFixed(1)} s`)
    }
  }
  await cluster.pass(Math.max(0, left()))
  return restarts
}

/** What came out, once all is there; what is missing then does not come. */
async function complete(cluster: SoakedCluster, windows: EndlessWindows, slices: number): Promise<Found> {
  const PATIENCE = 30
  for (let waited = 0; waited < PATIENCE && windows.found(slices).missing > 0; waited++) await cluster.pass(1)
  // One that comes twice has time to come.
  await cluster.pass(1)
  return windows.found(slices)
}

function resultOf({ minutes, devices }: SoakOptions, measured: Measured, lives: readonly Life[]): Result {
  const { rates, lag, restarts, output } = measured
  const judged = (of: 'memoryMB' | 'handles'): boolean | null => {
    const verdicts = lives.flatMap(life => (life.process === 'broker' ? [] : (life[of].flat ?? [])))
    return verdicts.length === 0 ? null : verdicts.every(Boolean)
  }
  const verdicts = {
    // Each restart was waited for until lag was small again.
    lagReturnsToZero: lag.end === 0 && lag.median <= rates.soaked * SMALL,
    memoryFlat: judged('memoryMB'),
    handlesFlat: judged('handles'),
    outputRight: output.windows > 0 && output.missing + output.doubled + output.wrong === 0,
  }
  return { benchmark: 'soak', minutes, devices, rates, lag, restarts, processes: lives, output, verdicts }
}

function print({ rates, lag, restarts, processes, output, verdicts }: Result): void {
  const rows: [string, string][] = [
    ['highest rate with bounded lag', `${rates.highest}/s`],
    ['soaked at', `${rates.soaked}/s`],
    ['lag: median, most, at the end', `${lag.median}, ${lag.most}, ${lag.end}`],
    ...restarts.map(({ node, how, seconds, mostLag }): [string, string] => [
      `${node}, ${how}: seconds until lag was small, most lag`,
      `${seconds.toFixed(1)}, ${mostLag}`,
    ]),
    ...processes.flatMap(({ process, seconds, memoryMB, handles }): [string, string][] =>
      (
        [
          ['MB', memoryMB],
          ['handles', handles],
        ] as const
      ).map(([what, { firstHalf, secondHalf, growthPerHour }]) => [
        `${process}, ${seconds} s, ${what}: first half, second half, growth per hour`,
        `${firstHalf}, ${secondHalf}, ${growthPerHour}`,
      ]),
    ),
    [
      'windows: expected, missing, doubled, wrong',
      [output.windows, output.missing, output.doubled, output.wrong].join(', '),
    ],
    ...Object.entries(verdicts).map(([name, verdict]): [string, string] => [
      name,
      verdict === null ? 'ran too short to tell' : verdict ? 'yes' : 'NO',
    ]),
  ]
  const width = Math.max(...rows.map(([what]) => what.length))
  for (const [what, value] of rows) console.log(`${what.padEnd(width)}  ${value}`)
}

function note(text: string): void {
  process.stderr.write(`${text}\n`)
}
