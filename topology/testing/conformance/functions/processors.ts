/** Processors, and the stores they use. Those that need a key drop records without one. */
import { KeyValueStore, WindowStore } from '../../../../state/index.ts'
import { TopologyBuilder } from '../../../builder.ts'
import type { PunctuationType } from '../../../clocks.ts'
import type {
  ProcessorContext,
  ProcessorRecord,
  StoreHandle,
  StoreHandles,
  StoresOf,
  ValueProcessorContext,
} from '../../../processor.ts'
import { long, string } from '../../../serde.ts'
import type { StreamHandle } from '../context.ts'
import { type Key, keySerde, numberOf, str, type Value, type ValueType, valueSerde } from '../values.ts'
import { CaseError, named, type Table } from './named.ts'

type Run = (record: ProcessorRecord<Key, Value>) => void
type NoStores = Record<never, never>
type Context<H extends StoreHandles> = ProcessorContext<Key, Value, StoresOf<H>>
type KeyValue<V> = KeyValueStore<NonNullable<Key>, V>

/** Where a processor is used. */
export interface Use {
  readonly builder: TopologyBuilder
  /** Of the node. */
  readonly name: string
  readonly from: StreamHandle
  readonly store: string | undefined
  /** Stores that other processors may look things up in, by name. */
  readonly shared: Map<string, StoreHandle<KeyValue<string | number>>>
}

type Processor = (use: Use) => StreamHandle

/** A processor that keeps nothing. */
function stateless(
  make: (context: Context<NoStores>) => Run,
  types: Partial<Pick<StreamHandle, 'key' | 'value'>> = {},
): Processor {
  return use => processor(use, {}, make, types)
}

function processor<H extends StoreHandles>(
  { from, name }: Use,
  stores: H,
  make: (context: Context<H>) => Run,
  types: Partial<Pick<StreamHandle, 'key' | 'value'>> = {},
): StreamHandle {
  const result = { key: from.key, value: from.value, ...types }
  const stream = from.stream.process<Key, Value, H>(name, {
    key: keySerde(result.key),
    value: valueSerde(result.value),
    stores,
    processor: make,
  })
  return { ...result, stream }
}

function storeName({ name, store }: Use): string {
  if (store === undefined) throw new CaseError(`${name} lacks its store`)
  return store
}

function keyValue(use: Use, type: ValueType): StoreHandle<KeyValue<string | number>> {
  const [key, value] = [keySerde(use.from.key), valueSerde(type)]
  return use.builder.store(storeName(use), name => new KeyValueStore({ name, key, value }))
}

/** The parts of an argument `ms:type[:start]`. */
function schedule(text: string): { interval: number; type: PunctuationType; start: number | undefined } {
  const [interval, type, start] = text.split(':')
  if (type !== 'streamTime' && type !== 'wallClock') throw new CaseError(`${text}: there is no clock ${type}`)
  return { interval: Number(interval), type, start: start === undefined ? undefined : Number(start) }
}

const processors: Table<Processor> = {
  dedup: () => use =>
    processor(use, { seen: keyValue(use, use.from.value) }, ({ forward, stores: { seen } }) => record => {
      const { key, value, timestamp } = record
      if (key === null || value === (seen.get(key)?.value ?? null)) return
      if (value === null) seen.delete(key)
      else seen.put(key, value, timestamp)
      forward(record)
    }),
  runningSum: () => use => {
    const stores = { sums: keyValue(use, 'long') }
    const make = ({ forward, stores: { sums } }: Context<typeof stores>): Run => {
      return ({ key, value, timestamp }) => {
        if (key === null || value === null) return
        const sum = numberOf(sums.get(key)?.value ?? 0) + numberOf(value)
        sums.put(key, sum, timestamp)
        forward({ key, value: sum })
      }
    }
    return processor(use, stores, make, { value: 'long' })
  },
  emitCountEvery:
    ({ text }) =>
    use => {
      const { interval, type, start } = schedule(text)
      const stores = { counts: keyValue(use, 'long') }
      const make = ({ forward, stores: { counts }, ...context }: Context<typeof stores>): Run => {
        const emit = (): void => {
          for (const { key, value } of counts.entries()) forward({ key, value })
        }
        context.schedule(interval, type, emit, { start })
        return ({ key, timestamp }) => {
          if (key !== null) counts.put(key, numberOf(counts.get(key)?.value ?? 0) + 1, timestamp)
        }
      }
      return processor(use, stores, make, { value: 'long' })
    },
  tickOnce: ({ text }) => {
    const { interval, type, start } = schedule(text)
    const make = (context: Context<NoStores>): Run => {
      const tick = (time: number): void => {
        context.forward({ key: 'tick', value: time })
        cancel()
      }
      const cancel = context.schedule(interval, type, tick, { start })
      return () => {}
    }
    return stateless(make, { key: { inner: 'string', windowed: false }, value: 'long' })
  },
  reorder:
    ({ number }) =>
    use => {
      const stores = {
        waiting: use.builder.store(
          storeName(use),
          name => new KeyValueStore({ name, key: string, value: string }),
        ),
        // How many came, since a restart must number on.
        arrivals: use.builder.store(
          `${storeName(use)}-arrivals`,
          name => new KeyValueStore({ name, key: string, value: long }),
        ),
      }
      const make = (context: Context<typeof stores>): Run => {
        const { waiting, arrivals } = context.stores
        return ({ key, value, timestamp }) => {
          if (key === null || value === null) return
          const arrival = arrivals.get('')?.value ?? 0
          arrivals.put('', arrival + 1, timestamp)
          const place = `${String(timestamp).padStart(13, '0')}/${String(arrival).padStart(6, '0')}`
          waiting.put(place, `${str(key)}=${str(value)}`, timestamp)
          for (const entry of waiting.entries()) {
            if (entry.timestamp > context.currentStreamTime - number) break
            waiting.delete(entry.key)
            const [, waited = '', text = ''] = /^([^=]*)=(.*)$/s.exec(entry.value) ?? []
            context.forward({
              key: use.from.key.inner === 'string' ? waited : Number(waited),
              value: text,
              timestamp: entry.timestamp,
            })
          }
        }
      }
      return processor(use, stores, make, { value: 'string' })
    },
  windowCount:
    ({ text }) =>
    use => {
      const [size = 0, retention = 0] = text.split(':').map(Number)
      const key = keySerde(use.from.key)
      const slots = use.builder.store(
        storeName(use),
        name => new WindowStore({ name, key, value: long, retention }),
      )
      const make = ({ forward, stores }: Context<{ slots: typeof slots }>): Run => {
        return ({ key, timestamp }) => {
          if (key === null) return
          const count = stores.slots.get(key, timestamp)?.value ?? 0
          stores.slots.put(key, timestamp, count + 1, timestamp)
          const found = stores.slots.fetch(key, timestamp - size, timestamp)
          forward({ key, value: found.reduce((sum, { value }) => sum + value, 0) })
        }
      }
      return processor(use, { slots }, make, { value: 'long' })
    },
  shiftTime: ({ number }) =>
    stateless(({ forward }) => record => {
      forward({ ...record, timestamp: record.timestamp + number })
    }),
  setHeader: ({ text }) => {
    const [, name = '', value = ''] = /^([^:]*):(.*)$/s.exec(text) ?? []
    return stateless(({ forward }) => record => {
      forward({ ...record, headers: [...record.headers, [name, Buffer.from(value)]] })
    })
  },
  dropHeaders: () =>
    stateless(({ forward }) => record => {
      forward({ ...record, headers: [] })
    }),
  describe: () => {
    const make = (context: Context<NoStores>): Run => {
      return ({ key, timestamp }) => {
        const { position, currentStreamTime, currentWallClock } = context
        const place = `${position?.topic}/${position?.partition}/${position?.offset}`
        const value = `${place} ts=${timestamp} stream=${currentStreamTime} wall=${currentWallClock}`
        context.forward({ key, value })
      }
    }
    return stateless(make, { value: 'string' })
  },
  route: ({ text }) => {
    const [even = '', odd = ''] = text.split(':').map(childName)
    return stateless(({ forward }) => record => {
      if (record.value === null) forward(record)
      else forward(record, { to: numberOf(record.value) % 2 === 0 ? even : odd })
    })
  },
  put: () => use => {
    const store = keyValue(use, use.from.value)
    use.shared.set(store.name, store)
    return processor(use, { store }, ({ forward, stores }) => record => {
      const { key, value, timestamp } = record
      if (key === null) return
      if (value === null) stores.store.delete(key)
      else stores.store.put(key, value, timestamp)
      forward(record)
    })
  },
  lookup: () => use => {
    // A store that nobody declared here is one of another topology.
    const store =
      use.shared.get(storeName(use)) ?? keyValue({ ...use, builder: new TopologyBuilder() }, use.from.value)
    const make = ({ forward, stores }: Context<{ store: typeof store }>): Run => {
      return ({ key, value }) => {
        if (key === null) return
        forward({ key, value: `${str(value)}/${str(stores.store.get(key)?.value ?? null)}` })
      }
    }
    return processor(use, { store }, make, { value: 'string' })
  },
}

/** @throws CaseError */
export function process(spec: string, use: Use): StreamHandle {
  return named('processor', processors, spec)(use)
}

/** Under which a node named `name` follows a processor that forwards to its children by name. */
export function childName(name: string): string {
  return `child-${name}`
}

interface ValueProcessor {
  readonly make: (context: ValueProcessorContext<Value, unknown>) => Run
  readonly type: (value: ValueType) => ValueType
}

const valueProcessors: Table<ValueProcessor> = {
  withTimestamp: () => ({
    make:
      ({ forward }) =>
      ({ value, timestamp }) =>
        forward({ value: `${str(value)}@${timestamp}` }),
    type: () => 'string',
  }),
  twice: () => ({
    make:
      ({ forward }) =>
      ({ value }) => {
        forward({ value })
        forward({ value })
      },
    type: value => value,
  }),
  dropOdd: () => ({
    make:
      ({ forward }) =>
      ({ value }) => {
        if (value === null || numberOf(value) % 2 === 0) forward({ value })
      },
    type: value => value,
  }),
}

/** @throws CaseError */
export function processValues(spec: string, { from, name }: Pick<Use, 'from' | 'name'>): StreamHandle {
  const { make, type } = named('value processor', valueProcessors, spec)
  const value = type(from.value)
  const stream = from.stream.processValues<Value>(name, { value: valueSerde(value), processor: make })
  return { stream, key: from.key, value }
}
