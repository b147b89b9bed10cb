/** The nodes of a join of tables by a foreign key. */
import type { TopologyBuilder } from './builder.ts'
import { checkName, type Output } from './graph.ts'
import type { Partitioned } from './grouped.ts'
import { storeSpec } from './materialized.ts'
import type { Serde } from './serde.ts'
import { type Answer, answerSerde, type Subscription, subscriptionSerde } from './subscription.ts'

/** How a table refers to another, and what is made of both rows. */
export interface ForeignKeyed<K, V, L, W, R> {
  /** The other table's key that a row refers to; null for none. */
  foreignKey(value: V, key: K): L | null
  joiner(left: V, right: W): R | null
  readonly value: Serde<NonNullable<R>>
  /** Keeps the result in a store of this name. Without it, it is kept only if what follows needs it, in `name`. */
  readonly store?: string
}

/** The result, as a table source. @throws TickerError TOPOLOGY_SERDE_MISSING */
export function joinByForeignKey<K, V, L, W, R>(
  builder: TopologyBuilder,
  name: string,
  tables: { left: Partitioned<K, V>; right: Partitioned<L, W>; keepsLeft: boolean },
  { foreignKey: keyOf, joiner, value: result, store }: ForeignKeyed<K, V, L, W, R>,
): Output {
  checkName(name, 'join')
  const { left, right, keepsLeft } = tables
  const { key: primaryKey, value } = storeSpec(name, left.known)
  const { key: foreignKey, value: found } = storeSpec(name, right.known)
  const through = (inputs: Output, topic: string, key: Serde<unknown>, of: Serde<unknown>): Output =>
    builder.add({ kind: 'repartition', name: topic, inputs: [inputs], key, value: of, partitions: undefined })

  const subscribing = builder.add({
    kind: 'foreignKeySubscribe',
    name: `${name}-subscribe`,
    inputs: [left.from],
    keepsLeft,
    foreignKey,
    value,
    keyOf,
  })
  const subscribed: Serde<Subscription> = subscriptionSerde(primaryKey)
  const answered: Serde<Answer> = answerSerde(found)
  const lookup = builder.add({
    kind: 'foreignKeyLookup',
    name: `${name}-lookup`,
    inputs: [through(subscribing, `${name}-subscription-repartition`, foreignKey, subscribed), right.from],
    keepsLeft,
    store: `${name}-subscriptions`,
    foreignKey,
    primaryKey,
  })
  const joined = builder.add({
    kind: 'foreignKeyJoin',
    name: `${name}-join`,
    inputs: [through(lookup, `${name}-response-repartition`, primaryKey, answered), left.from],
    keepsLeft,
    subscribing: subscribing.node,
    value,
    keyOf,
    joiner,
  })
  return builder.add({
    kind: 'tableSource',
    name,
    inputs: [joined],
    store: { name: store ?? name, key: primaryKey, value: result },
    materialized: store !== undefined,
  })
}
