/** What the operators of one task are made with, and what they add up to. */
import type { LocatedChange, StoreChange } from '../../state/store.ts'
import type { TableView } from '../change.ts'
import type { TaskClocks } from '../clocks.ts'
import type { CommittedOffset } from '../log/log.ts'
import type { RepartitionNode, SourceNode } from '../nodes/topics.ts'
import type { SubTopology } from '../plan.ts'
import type { DecisionStore } from '../recorded.ts'
import type { SourceChangelog } from '../source-changelog.ts'
import type { Timers } from '../timers.ts'
import type { ClosedWindow } from './closed-windows.ts'
import type { AsyncOperator, Collector, Operator, OutputPort } from './operator.ts'
import type { CacheBudget, RecordCache } from './record-cache.ts'

/** A store as the task sees it: filled entry by entry on restore, in the order of their keys, and giving up its changes at a commit. */
export interface TaskStateStore {
  readonly name: string
  /** Changes when the bytes change meaning. */
  readonly layout: string
  /** Those that it still reads, the oldest first; see layouts.ts. */
  readonly previousLayouts?: readonly string[]
  /** What stands for its changelog; one of its own if undefined. */
  readonly changelog?: SourceChangelog | undefined
  load(key: Buffer, value: Buffer): void
  /** All entries are in. */
  loaded?(): void
  /**
   * Instead, while it is empty: takes in the changes of its changelog, in their order. What cannot be decoded leaves it empty.
   * @throws what a serde throws
   */
  apply?(change: LocatedChange): void
  /** What is persisted of it, as of the call; where there is `apply`. */
  contents?(): Iterable<StoreChange>
  takeChanges(): StoreChange[]
}

/** Where an input topic's records enter. */
export interface InputNode {
  readonly node: SourceNode | RepartitionNode
  readonly out: OutputPort
}

/** What a task counts. */
export interface TaskCounts {
  /** Windows handed on when they closed. */
  closed: number
  /** Records that an operator had to drop because they have no key. */
  keyless: number
}

/** One operator per input of the node, in order; a single one serves them all. None for a node that has no input here. */
export type Built = readonly Operator[]

export interface BuildContext {
  readonly part: SubTopology
  readonly applicationId: string
  readonly collector: Collector
  readonly timers: Timers
  readonly counts: TaskCounts
  /** By topic. */
  readonly sources: Map<string, InputNode>
  /** Parents before children: draining them in this order empties them all. */
  readonly asynchronous: AsyncOperator[]
  readonly stores: TaskStateStore[]
  /** Stores that processors may be connected with, by the name of their node: declared ones, and those of tables. */
  readonly shared: Map<string, TaskStateStore>
  readonly clocks: TaskClocks
  /** Called when the stores are restored, before the first record. */
  readonly onStart: (() => void)[]
  readonly decisions: DecisionStore<unknown>[]
  /** The contents of tables, by the name of their node: what streams are joined with. */
  readonly tables: Map<string, TableView>
  /** The same as those who follow a table know it, who are told later where it has a cache: for tables made of tables. */
  readonly told: Map<string, TableView>
  /** What moves the clocks for which nothing comes. */
  readonly idle: { start(): void; advance(upTo: number): number }[]
  /** Whether a window's result is to be left out, because what follows failed on it before. */
  readonly passesOver: (window: () => ClosedWindow) => boolean
  /** Of the task's next records. */
  readonly positions: () => readonly CommittedOffset[]
  /** Parents before children. */
  readonly caches: RecordCache[]
  /** Undefined where updates are handed on at once. */
  readonly cacheBudget: CacheBudget | undefined
  /** An output of the node that is being built, or of one before it. */
  port(node: string, output?: string): OutputPort
}
