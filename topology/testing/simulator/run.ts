/** Runs a scenario: nodes over a log in memory, faults, and when those are over, the checks. */
import type { Graph } from '../../graph.ts'
import type { ProducerRecord } from '../../log/log.ts'
import type { MemoryLog } from '../../log/memory/memory-log.ts'
import { memoryLog } from '../../log/memory/memory-log.ts'
import { changelogTopic, deadLetterTopic, type Plan, partitionCounts, plan } from '../../plan.ts'
import {
  type Checked,
  checkDisk,
  checkLast,
  checkNothingLost,
  checkOutputs,
  checkStores,
  checkTransactions,
} from './checks.ts'
import { APPLICATION, Cluster, type Mutant } from './cluster.ts'
import { Ledger } from './ledger.ts'
import { checkForeignKeys, checkGroups, checkModels } from './models.ts'
import { Network } from './network.ts'
import { recompute } from './recomputation.ts'
import { HEADER, type InputRecord } from './records.ts'
import type { Scenario } from './scenario.ts'
import { Simulation } from './simulation.ts'
import { inputTopics, outputTopics, topologyOf } from './topologies.ts'

/** Milliseconds of simulated time after the last fault in which the lag must have returned to 0. */
const RECOVERY_LIMIT = 60_000
const STOP_LIMIT = 40_000

export interface Outcome {
  readonly seed: number
  /** In words, each beginning with the number of the invariant. */
  readonly violations: readonly string[]
  /** How often each kind of fault struck. */
  readonly faults: Readonly<Record<string, number>>
  readonly steps: number
  /** Of all that happened. */
  readonly digest: string
  /** The last of what happened. */
  readonly trace: readonly string[]
}

export async function simulate(
  scenario: Scenario,
  { mutant = {}, traceLines = 0 }: { mutant?: Mutant; traceLines?: number } = {},
): Promise<Outcome> {
  const simulation = new Simulation(scenario.seed, traceLines)
  const { random } = simulation
  const log = memoryLog({
    random,
    now: () => simulation.now,
    after: (milliseconds, run) => simulation.after(milliseconds, run),
    limits: { transactionTimeout: scenario.transactionTimeout },
  })
  const { guarantee, parts, partitions, faults, duration, cacheBytes } = scenario
  const ledger = new Ledger(simulation, log, { applicationId: APPLICATION, guarantee })
  const planOf = (graph: Graph): Plan => plan(graph, APPLICATION)
  const topology = (surroundings: Partial<Parameters<typeof topologyOf>[1]>): Graph =>
    topologyOf(parts, {
      timers: simulation.timersOf({ name: 'none', alive: true, paused: false, held: [] }),
      onRecord: () => {},
      callTime: () => 0,
      offer: () => '',
      checkSchema: () => {},
      ...surroundings,
    })
  const planned = planOf(topology({}))
  const external = new Map(
    [...inputTopics(parts), ...outputTopics(parts)].map(topic => [topic, partitions] as const),
  )
  await log.admin.createTopics([...external].map(([topic, count]) => ({ topic, partitions: count })))
  const counts = partitionCounts(planned, external)
  const checked: Checked = { log, plan: planned, topics: allTopics(planned, counts) }

  const fenced = guarantee === 'exactly_once' || hasOneProcess(scenario)
  const struck: Record<string, number> = {}
  const count = (kind: string): void => {
    struck[kind] = (struck[kind] ?? 0) + 1
  }
  const cluster = new Cluster({
    simulation,
    scenario,
    log,
    ledger,
    topology,
    mutant,
    onCrash: (machine, disk) => {
      for (const violation of checkDisk(checked, machine, disk.contents, { fenced }))
        ledger.violated(violation)
    },
  })
  const network = new Network({
    simulation,
    faults,
    befall: (process, action) => cluster.befall(process, action),
    onFault: action => count(action.kind === 'crash' ? `crash, disk ${action.disk}` : action.kind),
  })
  for (const { at, action } of faults) {
    if (!('time' in at)) continue
    simulation.after(at.time, () => {
      count(action.kind === 'crash' ? `crash, disk ${action.disk}` : action.kind)
      simulation.note(`fault at node ${at.node}: ${JSON.stringify(action)}`)
      cluster.befallNode(at.node, action)
    })
  }
  const writing = write(log, scenario.records, simulation)
  cluster.start(network)

  const failed = (): boolean => ledger.violations.length > 0
  let passed = false
  const finish = async (): Promise<void> => {
    const longest = Math.max(duration, ...faults.map(({ at }) => ('time' in at ? at.time : 0)))
    await simulation.until(() => failed() || (writing.done && simulation.elapsed > longest), 10 * longest)
    network.heal()
    cluster.heal()
    if (failed()) return
    const lag = watchLag(log, planned, simulation)
    if (!(await simulation.until(() => failed() || lag.behind.length === 0, RECOVERY_LIMIT))) {
      ledger.violated(`10: still behind ${RECOVERY_LIMIT} ms after the last fault: ${lag.behind.join(', ')}`)
    }
    lag.stop()
    if (failed()) return
    cluster.stopAll()
    if (!(await simulation.until(() => failed() || cluster.ended, STOP_LIMIT)))
      ledger.violated('10: a process does not end when asked to')
    if (failed()) return
    // What a killed process left open ends by itself.
    await simulation.until(() => false, scenario.transactionTimeout + 1)
    passed = true
  }
  await finish()
  /** What came out, beside what should have. */
  const compared = async (): Promise<string[]> => {
    const expected = await recompute({ log, plan: planned, partitions: counts, ledger, topology, planOf })
    const written = [
      ...outputTopics(parts),
      deadLetterTopic(APPLICATION),
      ...[...counts.keys()].filter(topic => !external.has(topic)),
    ]
    if (guarantee !== 'exactly_once') return checkNothingLost(checked, written, expected, { counted: fenced })
    const outputs =
      cacheBytes > 0
        ? checkLast(
            checked,
            outputTopics(parts).filter(topic => topic.endsWith('-out')),
            expected,
          )
        : [...checkOutputs(checked, written, expected), ...checkModels(log, parts, partitions)]
    return [...outputs, ...checkGroups(log, parts, partitions), ...checkStores(checked, expected)]
  }
  if (passed) {
    const found = parts.includes('foreignKey') ? checkForeignKeys(log, partitions) : await compared()
    found.push(...checkTransactions(checked))
    for (const { machine, disk } of cluster.disks)
      found.push(...checkDisk(checked, machine, disk.contents, { fenced }))
    for (const violation of found) ledger.violated(violation)
  }
  for (const [kind, number] of Object.entries(cluster.counts)) if (number > 0) struck[kind] = number
  return {
    seed: scenario.seed,
    violations: ledger.violations,
    faults: struck,
    steps: simulation.steps,
    digest: simulation.digest(),
    trace: simulation.trace,
  }
}

/** No other process can have had its tasks, nor a request of it be late. */
function hasOneProcess({ nodes, faults }: Scenario): boolean {
  return nodes === 1 && faults.every(({ action }) => action.kind === 'fail' || action.kind === 'loseAnswer')
}

function allTopics(planned: Plan, counts: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const topics = new Map(counts)
  topics.set(deadLetterTopic(APPLICATION), 1)
  for (const part of planned.subTopologies) {
    const tasks = counts.get(part.sourceTopics[0] ?? '') ?? 0
    for (const store of part.stores) topics.set(changelogTopic(APPLICATION, store), tasks)
  }
  return topics
}

/** Writes the records, each at its time: some in transactions, which stay open for a while and may be aborted. */
function write(
  log: MemoryLog,
  records: readonly InputRecord[],
  simulation: Simulation,
): { readonly done: boolean } {
  const progress = { left: records.length, done: records.length === 0 }
  const begin = async (): Promise<void> => {
    const plain = await log.producer({ clientId: 'writer' })
    const transactional = await log.producer({ clientId: 'writer', transactionalId: 'writer' })
    await plain.init()
    await transactional.init()
    let transactions = Promise.resolve()
    const writeInTransaction = async (record: InputRecord): Promise<void> => {
      transactional.begin()
      await transactional.send([asWritten(record)])
      await new Promise<void>(resolve => simulation.after(20 * simulation.random(), resolve))
      await (record.written === 'committed' ? transactional.commit() : transactional.abort())
    }
    for (const record of records) {
      simulation.after(record.at - simulation.elapsed, () => {
        const written = (): void => {
          progress.done = --progress.left === 0
        }
        if (record.written === 'plain') plain.send([asWritten(record)]).then(written)
        else transactions = transactions.then(() => writeInTransaction(record)).then(written)
      })
    }
  }
  begin()
  return progress
}

function asWritten({ id, topic, partition, key, value, timestamp }: InputRecord): ProducerRecord {
  const text = value === null || typeof value === 'string' ? value : JSON.stringify(value)
  return {
    topic,
    partition,
    key: key === null ? null : Buffer.from(key),
    value: text === null ? null : Buffer.from(text),
    timestamp,
    headers: [[HEADER, Buffer.from(id)]],
  }
}

/** Partitions of the input and of internal topics that are not processed to their end. */
function watchLag(
  log: MemoryLog,
  { subTopologies, applicationId }: Plan,
  simulation: Simulation,
): { readonly behind: readonly string[]; stop(): void } {
  const topics = subTopologies.flatMap(part => part.sourceTopics)
  const watch = { behind: ['not looked at yet'], stop: () => {} }
  const look = async (): Promise<void> => {
    const positions = await log.admin.committed(applicationId, topics)
    const behind: string[] = []
    for (const topic of topics) {
      for (const { partition, end } of await log.admin.offsets(topic)) {
        const position =
          positions.find(each => each.topic === topic && each.partition === partition)?.position ?? 0
        if (position < end) behind.push(`${topic}/${partition} at ${position} of ${end}`)
      }
    }
    watch.behind = behind
    watch.stop = simulation.after(20, () => void look())
  }
  void look()
  return {
    get behind() {
      return watch.behind
    },
    stop: () => watch.stop(),
  }
}
