/** A table that every node holds completely. */
import type { Output } from './graph.ts'

/**
 * A topic's newest value per key, of all its partitions, in every node: a stream is joined with it by any key, and needs
 * not be partitioned alike. It is updated beside the tasks, as soon as a record of its topic is there, whatever its
 * timestamp; so what a join finds depends on when it asks.
 */
export class GlobalTable<K, V> {
  /** Its node in the graph. */
  readonly from: Output
  /** For the compiler alone: what it holds. */
  protected declare readonly holds: readonly [key: K, value: V]

  constructor(from: Output) {
    this.from = from
  }
}
