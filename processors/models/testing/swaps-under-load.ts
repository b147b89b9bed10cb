/**
 * Releases swapped while a node works off a backlog as fast as it can: for how long does a partition stand still, and is every
 * window predicted once, by the release that its task recorded?
 */
import pino from 'pino'
import { avroSerdes, localRegistry, Prediction, SensorReading } from '../../../schemas/index.ts'
import { memoryBackend } from '../../../state/index.ts'
import { type Log, lagOf, plan, type StreamsNode, systemTimers } from '../../../topology/index.ts'
import { activityNode, READY_WITHIN, servedTopology } from '../../activity-node.ts'
import { featureSchema } from '../../features/schema.ts'
import { generate } from '../../generator/generate.ts'
import { shippedProfile } from '../../generator/profile.ts'
import { ingest } from '../../ingest.ts'
import type { RecordingEvent } from '../../recordings/event.ts'
import { type ReplayReport, replayPredictions } from '../../replay/replay-predictions.ts'
import { defaultPolicy } from '../../routing/routing.ts'
import { topicValues } from '../../topic-values.ts'
import { applicationId, topicSpecs, topics } from '../../topics.ts'
import { type ModelSwitch, modelSwitches } from '../model-switches.ts'
import { publishRelease } from '../publish.ts'
import type { UnpublishedRelease } from '../release.ts'
import type { TrustedSources } from '../signature.ts'

const PARTITIONS = 4
const START = Date.UTC(2026, 0, 5, 8)
/** Milliseconds between two looks at each partition. */
const LOOK = 2
/** Milliseconds after the last partition has taken a release that still count as the swap. */
const AFTER = 200

export interface SwapOptions {
  readonly log: Log
  readonly devices: number
  /** Of event time, for each device. */
  readonly seconds: number
  /** Put into force one after the other, the first one before the load begins, spread over the load. */
  readonly releases: readonly UnpublishedRelease[]
  readonly trusted: TrustedSources
}

export interface SwapsUnderLoad {
  readonly readings: number
  /** Seconds in which they were worked off. */
  readonly seconds: number
  /** How each swap held up the partition that it held up most. */
  readonly stalls: readonly Stall[]
  /** The longest that a partition stood still at any other time. */
  readonly otherStall: Stall
  readonly switches: readonly ModelSwitch[]
  readonly windowsClosed: number
  readonly predictions: number
  /** Windows that were predicted more than once. */
  readonly doubled: number
  readonly replay: ReplayReport
}

/** A time without progress, in milliseconds. */
export interface Stall {
  readonly time: number
  /** In which this process worked, in any of its threads: on a machine of its own nearly all of it; the rest, it waited. */
  readonly cpu: number
}

const NONE: Stall = { time: 0, cpu: 0 }

/** A partition's longest time without progress: in the swap that is under way, and otherwise. */
class StallWatch {
  readonly stalls: Stall[] = []
  otherStall = NONE
  readonly #node: StreamsNode
  readonly #totals: ReadonlyMap<string, number>
  readonly #moved = new Map<string, { processed: number; at: number; cpu: number }>()
  readonly #timer: ReturnType<typeof setInterval>
  #swapping = false

  /** @param totals records of each task's partition; one that is through stands still for good */
  constructor(node: StreamsNode, totals: ReadonlyMap<string, number>) {
    this.#node = node
    this.#totals = totals
    this.#timer = setInterval(() => this.#look(), LOOK)
  }

  begin(): void {
    this.#swapping = true
    this.stalls.push(NONE)
  }

  end(): void {
    this.#look()
    this.#swapping = false
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const now = performance.now()
    const { user, system } = process.cpuUsage()
    const used = (user + system) / 1000
    for (const { name, processed } of this.#node.status().tasks) {
      const before = this.#moved.get(name)
      if (before?.processed !== processed) this.#moved.set(name, { processed, at: now, cpu: used })
      if (before === undefined || processed === 0 || processed >= (this.#totals.get(name) ?? 0)) continue
      const stall = { time: now - before.at, cpu: used - before.cpu }
      if (!this.#swapping) this.otherStall = longer(stall, this.otherStall)
      else this.stalls[this.stalls.length - 1] = longer(stall, this.stalls.at(-1) ?? NONE)
    }
  }
}

function longer(a: Stall, b: Stall): Stall {
  return a.time > b.time ? a : b
}

export async function swapsUnderLoad(options: SwapOptions): Promise<SwapsUnderLoad> {
  const { log, trusted, releases } = options
  const [first, ...others] = releases
  if (first === undefined) throw new Error('there is nothing to begin with')
  await log.admin.createTopics(topicSpecs(PARTITIONS))
  const readings = await load(options)
  const common = {
    log,
    trusted,
    routing: { ...defaultPolicy, requestsPerHour: 100_000 },
    timers: systemTimers,
    logger: pino({ level: 'silent' }),
  }
  const avro = avroSerdes(localRegistry())
  const node = { ...common, avro, model: first.name, clientId: 'swaps' }
  const { serving, shadow, topology } = await servedTopology(node)
  await avro.register()
  const publish = (release: UnpublishedRelease) =>
    publishRelease(
      { release, status: 'promoted', reason: 'a swap under load' },
      { ...common, avro, schema: featureSchema, clientId: 'publisher' },
    )
  await publish(first)
  serving.start()
  await serving.whenReady(READY_WITHIN)
  const taken = new Map<string, string>()
  const streams = activityNode({ ...node, state: memoryBackend(), guarantee: 'exactly_once' }, topology, {
    onDecision: (task, _store, { value }) => void taken.set(task, JSON.stringify(value)),
  })
  await streams.start()
  const since = performance.now()
  const ran = streams.run()
  ran.catch(() => {})
  const totals = (await log.admin.offsets(topics.readings)).map(
    ({ partition, end }) => [`0_${partition}`, end] as const,
  )
  const watch = new StallWatch(streams, new Map(totals))
  try {
    for (const [i, release] of others.entries()) {
      await until(() => streams.status().processed >= ((i + 1) / (others.length + 2)) * readings)
      const wanted = JSON.stringify({ name: release.name, version: release.version })
      watch.begin()
      await publish(release)
      await until(() => taken.size === PARTITIONS && [...taken.values()].every(value => value === wanted))
      await new Promise(resolve => setTimeout(resolve, AFTER))
      watch.end()
    }
    await until(async () =>
      (await lagOf(log, plan(topology, applicationId))).every(({ end, position }) => end === position),
    )
    const seconds = (performance.now() - since) / 1000
    watch.stop()
    await streams.close()
    await ran
    const { predictions, doubled } = await counted(log)
    return {
      readings,
      seconds,
      stalls: watch.stalls,
      otherStall: watch.otherStall,
      switches: await modelSwitches({ log, applicationId, clientId: 'check' }),
      windowsClosed: streams.status().windowsClosed,
      predictions,
      doubled,
      replay: await replayPredictions({ ...common, avro: avroSerdes(localRegistry()), clientId: 'replay' }),
    }
  } finally {
    watch.stop()
    await streams.close()
    await shadow.close()
    await serving.close()
  }
}

/** The whole load is there before anything is processed. */
async function load({ log, devices, seconds }: SwapOptions): Promise<number> {
  const avro = avroSerdes(localRegistry())
  const value = avro.value(topics.readings, SensorReading)
  await avro.register()
  const profile = await shippedProfile('watch')
  const counts = { readings: 0, malformed: 0, ended: 0 }
  const signal = new AbortController().signal
  async function* events(): AsyncGenerator<readonly RecordingEvent[]> {
    yield* generate({ profile, devices, seed: 1, start: START, duration: 1000 * seconds })
  }
  await ingest({ log, events: events(), value, counts, signal, now: Date.now })
  return counts.readings
}

async function counted(log: Log): Promise<{ predictions: number; doubled: number }> {
  const avro = avroSerdes(localRegistry())
  const value = avro.value(topics.predictions, Prediction)
  await avro.register()
  const windows = new Set<string>()
  let predictions = 0
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for await (const each of topicValues({
      log,
      topic: topics.predictions,
      partition,
      value,
      clientId: 'check',
    })) {
      predictions++
      windows.add(`${each.deviceId} ${each.windowStart}`)
    }
  }
  return { predictions, doubled: predictions - windows.size }
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 300_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('it did not come about within five minutes')
    await new Promise(resolve => setTimeout(resolve, LOOK))
  }
}
