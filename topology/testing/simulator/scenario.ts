/** A simulation as plain data: the same one always runs the same. */
import type { ProcessingGuarantee } from '../../commit.ts'
import { mulberry32 } from '../mulberry32.ts'
import { type Fault, pick, randomFaults } from './faults.ts'
import { type InputRecord, randomRecords } from './records.ts'
import { foreignKeyParts, inputTopics, type OperatorName, operators } from './topologies.ts'

export interface Scenario {
  readonly seed: number
  readonly guarantee: ProcessingGuarantee
  /** Processes at the beginning. */
  readonly nodes: number
  readonly partitions: number
  readonly parts: readonly OperatorName[]
  /** Milliseconds. */
  readonly commitInterval: number
  readonly sessionTimeout: number
  readonly transactionTimeout: number
  /** Milliseconds in which records are written and faults at a time happen. */
  readonly duration: number
  readonly records: readonly InputRecord[]
  readonly faults: readonly Fault[]
  /** Copies of each task's state on other nodes. */
  readonly standbyReplicas: number
  /** Bytes of updates that tables may hold back: then what comes out depends on when commits come. */
  readonly cacheBytes: number
}

/** Operators whose results can be judged although records may be processed twice. */
const repeatable: readonly OperatorName[] = ['mapBatch', 'count', 'regroup', 'window', 'faulty']

/** What is left out of a scenario; what is undefined stays as the seed has it. */
export interface Reduction {
  /** Numbers of the faults that stay. */
  readonly faults?: readonly number[]
  /** How many records stay, from the first one. */
  readonly records?: number
  readonly nodes?: number
  readonly parts?: readonly OperatorName[]
}

/** The same scenario with less in it. */
export function reduced(scenario: Scenario, reduction: Reduction): Scenario {
  const { parts = scenario.parts, nodes = scenario.nodes } = reduction
  const topics = inputTopics(parts)
  return {
    ...scenario,
    nodes,
    parts,
    records: scenario.records.slice(0, reduction.records).filter(record => topics.includes(record.topic)),
    faults: scenario.faults.filter((_, i) => reduction.faults?.includes(i) ?? true),
  }
}

/** Operators whose tables may hold updates back. */
const cached: readonly OperatorName[] = ['count', 'regroup', 'tableGroups', 'window']

export function scenarioOf(seed: number): Scenario {
  // Its own stream of numbers: what runs draws others.
  const random = mulberry32(seed ^ 0x5eed)
  const below = (limit: number): number => Math.floor(random() * limit)
  const guarantee = random() < 0.88 ? 'exactly_once' : 'at_least_once'
  const cacheBytes = guarantee === 'exactly_once' && random() < 0.15 ? 200 + below(5000) : 0
  const from = cacheBytes > 0 ? cached : guarantee === 'exactly_once' ? operators : repeatable
  const parts =
    guarantee === 'exactly_once' && cacheBytes === 0 && random() < 0.08
      ? foreignKeyParts
      : [...new Set(Array.from({ length: 1 + below(3) }, () => pick(random, from)))]
  const partitions = 1 + below(4)
  const nodes = 1 + below(3)
  // Either the group gives a member up first, or the broker its transaction.
  const [sessionTimeout, transactionTimeout] = pick(random, [
    [500, 1500],
    [500, 1500],
    [1500, 400],
  ] as const)
  const duration = 500 + below(1500)
  return {
    seed,
    guarantee,
    nodes,
    partitions,
    parts,
    commitInterval: pick(random, [5, 20, 50, 100]),
    sessionTimeout,
    transactionTimeout,
    duration,
    records: randomRecords(random, {
      count: 20 + below(100),
      topics: inputTopics(parts),
      partitions,
      keys: 2 + below(6),
      duration,
    }),
    faults: randomFaults(random, { count: below(12), duration, sessionTimeout }),
    standbyReplicas: below(2),
    cacheBytes,
  }
}
