/** The final contents of a store, as a case writes them. */
import { KeyValueStore, SessionStore, WindowStore } from '../../../state/index.ts'
import type { TaskStateStore } from '../../operators/context.ts'
import type { TopologyTestDriver } from '../test-driver.ts'
import type { Case, StoreEntry } from './case.ts'
import { CaseError } from './functions/named.ts'

/** Partition by partition, in the order of the keys' bytes. Undefined if the topology has no such store. @throws CaseError */
export function readStore(
  each: Case,
  name: string,
  driver: TopologyTestDriver,
): readonly StoreEntry[] | undefined {
  const parts = driver.stores(name).map(store => contentsOf(store, each, name))
  const contents = parts.filter(part => part !== undefined)
  return contents.length === 0 ? undefined : contents.flat()
}

function contentsOf(store: TaskStateStore, each: Case, name: string): readonly StoreEntry[] | undefined {
  // A processor's store keeps no timestamp in Kafka Streams.
  const isTimed = !each.nodes.some(node => node.op === 'process' && node.store === name)
  const entry = (key: StoreEntry[0], value: StoreEntry[1], timestamp: number): StoreEntry =>
    isTimed ? [key, value, timestamp] : [key, value]
  if (store instanceof KeyValueStore) {
    return [...store.entries()].map(({ key, value, timestamp }) => entry(key, value, timestamp))
  }
  if (store instanceof WindowStore) {
    const length = windowLength(each, name)
    return [...store.all()].map(({ key, start, value, timestamp }) =>
      entry([key, start, start + length], value, timestamp),
    )
  }
  if (store instanceof SessionStore) {
    return [...store.all()].map(({ key, start, end, value }): StoreEntry => [[key, start, end], value])
  }
  return undefined
}

/** From a window's start to the end that its key shows. */
function windowLength({ nodes }: Case, store: string): number {
  const owner = nodes.find(node => 'store' in node && node.store === store)
  if (owner?.op === 'process') return Number(owner.fn.split(':')[1])
  const windowed = nodes.find(node => 'id' in node && owner && 'from' in owner && node.id === owner.from)
  if (windowed?.op !== 'windowedBy') throw new CaseError(`the store ${store} is no windowed one`)
  switch (windowed.window.type) {
    case 'tumbling':
    case 'hopping':
      return windowed.window.sizeMs
    case 'sliding':
      return windowed.window.differenceMs
    default:
      throw new CaseError(`the windows of ${store} have no length`)
  }
}
