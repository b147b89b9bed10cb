/** Tables: the DSL's handle of a table, made by `builder.table`, `KStream.toTable` and aggregations. */
import type { Known, Serdes, TopologyBuilder } from './builder.ts'
import type { Output } from './graph.ts'
import type { Partitioned } from './grouped.ts'
import { KStream } from './stream.ts'

/**
 * A table of values `V` by key `K`, neither of which is null: a key that has no value is not in the table. What flows out of
 * it are its updates, in the order in which they were made; the timestamp of one is that of the record it came from, or
 * what the operator says of it.
 */
export class KTable<K, V> implements Partitioned<K, V> {
  /** For operators that take a table: where its changes come out, and what is known of them. */
  readonly from: Output
  readonly known: Known<K, V>
  readonly #builder: TopologyBuilder

  constructor(builder: TopologyBuilder, at: Partitioned<K, V>) {
    this.#builder = builder
    this.from = at.from
    this.known = { ...at.known, keyChanged: false }
  }

  /**
   * The table's updates as a stream; a deletion is a record whose value is null.
   * @param mapper gives the records another key: grouping or joining them repartitions them first
   */
  toStream(): KStream<K, V | null>
  toStream<L>(
    mapper: (value: V | null, key: K) => L,
    serdes?: { key?: Serdes<L, V>['key'] },
  ): KStream<L, V | null>
  toStream<L>(
    mapper?: (value: V | null, key: K) => L,
    serdes?: { key?: Serdes<L, V>['key'] },
  ): KStream<K, V | null> | KStream<L, V | null> {
    const name = this.#builder.nextName('tableToStream')
    const from = this.#builder.add({ kind: 'tableToStream', name, inputs: [this.from] })
    const stream = new KStream<K, V | null>(this.#builder, from, this.known)
    return mapper === undefined ? stream : stream.selectKey(mapper, serdes)
  }
}
