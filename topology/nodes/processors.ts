/** Processors: operators written by the application against the context they are given (processor.ts). */
import type { TaskStateStore } from '../operators/context.ts'
import type { ProcessorContext, ProcessorRecord, ValueProcessorContext } from '../processor.ts'
import type { NodeBase, Output } from './base.ts'

interface ProcessorBase extends NodeBase {
  /**
   * The node of each store, a table's or a declared one's, by the name the processor knows it by. They are the inputs after
   * the first, too: who shares a store runs together.
   */
  readonly stores: Readonly<Record<string, Output>>
}

export interface ProcessNode extends ProcessorBase {
  readonly kind: 'process'
  /** Makes the processor of one task, when its stores are restored. */
  processor(context: ProcessorContext<unknown, unknown, unknown>): RecordProcessor['process']
}

/** What it forwards keeps the key of the record at hand. */
export interface ProcessValuesNode extends ProcessorBase {
  readonly kind: 'processValues'
  processor(context: ValueProcessorContext<unknown, unknown>): RecordProcessor['process']
}

/** Declared as a method for the reason that graph.ts gives. */
export interface RecordProcessor {
  process(record: ProcessorRecord<unknown, unknown>): void
}

/** A store that processors share. It has no records; its edges say who uses it. */
export interface StoreNode extends NodeBase {
  readonly kind: 'store'
  readonly store: string
  make(name: string): TaskStateStore
}

export type ProcessorNode = ProcessNode | ProcessValuesNode | StoreNode

export function isProcessor(node: NodeBase & { kind: string }): node is ProcessNode | ProcessValuesNode {
  return node.kind === 'process' || node.kind === 'processValues'
}
