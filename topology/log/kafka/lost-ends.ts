/**
 * Transactions whose end the cluster has lost, and how their producer finds and ends them.
 *
 * A coordinator ends a transaction with a marker in each of its partitions. From Kafka 4.1 on (at least up to 4.4,
 * KAFKA-20734) it takes a partition that has no leader at that moment for one that was deleted: it writes no marker there and
 * calls the transaction completed. Partitions without replicas have no leader while their broker restarts. Then the
 * transaction stays open in them for good: readers stop before it, its positions stay unstable, and whatever its producer
 * does next decides about it once more: an abort would take back what was committed.
 *
 * Its producer can tell, when it initialises its id anew. How the last transaction was decided is what the coordinator says of
 * it before (afterwards it says `Empty`), and after it no transaction of this producer can be open anywhere. One that is has lost
 * its end, and gets it by a transaction without records over the same partitions, which is decided in the same way.
 */
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js'
import { TickerError } from '../../errors.ts'
import type { Reach, TopicPartition } from '../log.ts'
import type { Cluster } from './cluster.ts'
import { describeProducersRequest } from './protocol/describe-producers.ts'
import type { DescribedTransaction } from './protocol/describe-transactions.ts'
import { offsetFetchRequest } from './protocol/offset-fetch.ts'

/** How the last transaction of a transactional id was decided, and the epoch in which nothing was begun since. */
export interface LastDecision {
  readonly committed: boolean
  readonly producerId: number
  readonly producerEpoch: number
}

const LEADER_NOT_AVAILABLE = 5

const decisions: Readonly<Record<string, boolean | undefined>> = {
  PrepareCommit: true,
  CompleteCommit: true,
  PrepareAbort: false,
  CompleteAbort: false,
}

/**
 * What is known of the last transaction after the coordinator was asked.
 * @param known what was known before; an id that was initialised since, by whoever knew it, says nothing itself any more
 */
export function decisionOf(
  seen: DescribedTransaction | undefined,
  known: LastDecision | undefined,
): LastDecision | undefined {
  if (seen === undefined) return undefined
  const { state, producerId, producerEpoch } = seen
  const committed = decisions[state]
  if (committed !== undefined) return { committed, producerId, producerEpoch }
  return state === 'Empty' ? afterInit(seen, known) : undefined
}

/** What is known after an id was initialised: still the same, if nobody else has done so in between. */
export function afterInit(
  { producerId, producerEpoch }: { readonly producerId: number; readonly producerEpoch: number },
  known: LastDecision | undefined,
): LastDecision | undefined {
  const passed = known?.producerId === producerId ? producerEpoch - known.producerEpoch : Number.NaN
  return known !== undefined && (passed === 0 || passed === 1) ? { ...known, producerEpoch } : undefined
}

/** Where a transaction is open that its coordinator takes for ended. */
export interface LostEnds {
  readonly partitions: readonly TopicPartition[]
  /** Whether positions wait for its end. */
  readonly positions: boolean
}

/** To be asked when all transactions of the producer are completed. Undefined where none is open. */
export async function findLostEnds(
  cluster: Cluster,
  { topics, group, positions }: Reach,
  producerId: number,
): Promise<LostEnds | undefined> {
  const partitions: TopicPartition[] = []
  await cluster.know([...new Set(topics.map(each => each.topic))])
  for (const [leader, share] of byLeader(cluster, topics)) {
    const found = await cluster.send(await cluster.broker(leader), describeProducersRequest(share))
    partitions.push(...found.filter(each => each.producerId === producerId))
  }
  const coordinator = await cluster.groupCoordinator(group)
  const { unstable } = await cluster.send(coordinator, offsetFetchRequest(group, positions, { stable: true }))
  if (partitions.length === 0 && unstable.length === 0) return undefined
  return { partitions, positions: unstable.length > 0 }
}

/** @throws TickerError LOG_FAILED: what to do about ends that nobody knows any more */
export function refuseUnknown(transactionalId: string, { partitions }: LostEnds): never {
  const names = partitions.map(({ topic, partition }) => `${topic}/${partition}`).join(', ')
  throw new TickerError(
    'LOG_FAILED',
    `the last transaction of ${transactionalId} is still open in ${names}, and whether it was committed is not known any more: look into __transaction_state for its last Prepare record, and end it with kafka-transactions.sh abort if that was PrepareAbort`,
  )
}

function byLeader(cluster: Cluster, partitions: readonly TopicPartition[]): Map<number, TopicPartition[]> {
  const shares = new Map<number, TopicPartition[]>()
  for (const each of partitions) {
    const leader = cluster.leader(each.topic, each.partition)
    if (leader === undefined) throw createErrorFromCode(LEADER_NOT_AVAILABLE)
    const share = shares.get(leader) ?? []
    shares.set(leader, share)
    share.push(each)
  }
  return shares
}
