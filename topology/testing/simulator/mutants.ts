/**
 * Engines that are wrong in one way each, made by putting something between a process and its log or disk. The checks must
 * find every one of them, or they find nothing.
 */
import type { StoreChange, TaskStore } from '../../../state/store.ts'
import type { ConsumerOptions, Log, Producer, ProducerRecord } from '../../log/log.ts'
import { APPLICATION, type Mutant } from './cluster.ts'
import type { Fault } from './faults.ts'
import type { Scenario } from './scenario.ts'
import type { OperatorName } from './topologies.ts'

export interface Wrong {
  /** What is wrong with it. */
  readonly name: string
  readonly mutant: () => Mutant
  /** What the violation that tells on it begins with. */
  readonly violates: RegExp
  /** Operators that the topology must have one of; any, if absent. */
  readonly operators?: readonly OperatorName[]
  /** What of a scenario must be otherwise for it to be found. */
  readonly scenario?: (scenario: Scenario) => Partial<Scenario>
}

/** Milliseconds: longer than until a second attempt. */
const LATE = 400

const isChangelog = ({ topic }: ProducerRecord): boolean => topic.endsWith('-changelog')
const isOutput = (record: ProducerRecord): boolean => !isChangelog(record)

/** Sends other records than it is told to. */
function sending(change: (records: readonly ProducerRecord[]) => readonly ProducerRecord[]): () => Mutant {
  return () => ({ log: log => withProducer(log, producer => sendingOther(producer, change)) })
}

function sendingOther(
  producer: Producer,
  change: (records: readonly ProducerRecord[]) => readonly ProducerRecord[],
): Producer {
  return { ...producer, send: records => producer.send(change(records)) }
}

function withProducer(log: Log, wrap: (producer: Producer) => Producer): Log {
  return { ...log, producer: async options => wrap(await log.producer(options)) }
}

/** All but the first that is meant, when there are several. */
function withoutOne(
  records: readonly ProducerRecord[],
  isMeant: (record: ProducerRecord) => boolean,
): readonly ProducerRecord[] {
  const found = records.filter(isMeant)
  return found.length > 1 ? records.filter(record => record !== found[0]) : records
}

/** Databases are loaded without some of their entries. */
function loadingWithout(isMissing: (store: string, key: Buffer) => boolean): () => Mutant {
  return () => ({
    state: state => ({
      ...state,
      open: async (task, onSetAside) => {
        const inner = await state.open(task, onSetAside)
        return withScan(inner, async function* (store, range) {
          for await (const entries of inner.scan(store, range))
            yield entries.filter(({ key }) => !isMissing(store, key))
        })
      },
    }),
  })
}

function withScan(inner: TaskStore, scan: TaskStore['scan']): TaskStore {
  return {
    get checkpoint() {
      return inner.checkpoint
    },
    get: (store, key) => inner.get(store, key),
    getMany: (store, keys) => inner.getMany(store, keys),
    scan,
    write: (changes, checkpoint) => inner.write(changes, checkpoint),
    clear: store => inner.clear(store),
    close: () => inner.close(),
  }
}

/** Writes a task's changes to its database when they are sent, before their transaction commits. */
function databaseFirst(): Mutant {
  const open = new Map<string, TaskStore>()
  const take = async (
    name: string,
    records: readonly ProducerRecord[],
    ends: ReadonlyMap<string, number>,
  ) => {
    for (const [id, database] of open) {
      if (!id.startsWith(`${name} `)) continue
      const partition = Number(id.split('_').at(-1))
      const changes = new Map<string, StoreChange[]>()
      const positions = { ...database.checkpoint?.positions }
      for (const record of records) {
        const store = record.topic.slice(APPLICATION.length + 1, -'-changelog'.length)
        if (!isChangelog(record) || record.partition !== partition || !(store in positions)) continue
        const change = { key: record.key ?? Buffer.alloc(0), value: record.value }
        changes.set(store, [...(changes.get(store) ?? []), change])
        positions[store] = ends.get(record.topic) ?? 0
      }
      const { checkpoint } = database
      if (checkpoint !== undefined && changes.size > 0)
        await database.write(changes, { ...checkpoint, positions })
    }
  }
  return {
    state: (state, process) => ({
      ...state,
      open: async (task, onSetAside) => {
        const inner = await state.open(task, onSetAside)
        open.set(`${process.name} ${task}`, inner)
        return inner
      },
    }),
    log: (log, process) =>
      withProducer(log, producer => ({
        ...producer,
        send: async records => {
          const written = await producer.send(records)
          await take(process.name, records, new Map(written.map(each => [each.topic, each.position])))
          return written
        },
      })),
  }
}

/** A consumer with one method or callback of its own. */
function consuming(
  wrap: (options: ConsumerOptions) => ConsumerOptions,
  own: (consumer: Awaited<ReturnType<Log['consumer']>>) => Partial<Awaited<ReturnType<Log['consumer']>>>,
): () => Mutant {
  return () => ({
    log: log => ({
      ...log,
      consumer: async options => {
        const consumer = await log.consumer(wrap(options))
        return { ...consumer, ...own(consumer) }
      },
    }),
  })
}

/**
 * Members that hear late that they are no members any more, or of which assignment, as on a broker, which tells them at their
 * next heartbeat: an engine that asks before it tries again does well with it.
 */
export const hearsLate = consumingLate(() => ({}))

function consumingLate(
  own: (consumer: Awaited<ReturnType<Log['consumer']>>) => Partial<Awaited<ReturnType<Log['consumer']>>>,
): () => Mutant {
  return () => ({
    log: (log, process, simulation) => ({
      ...log,
      consumer: async options => {
        const later = (news: () => void): void => void simulation.after(LATE, news, process)
        const consumer = await log.consumer({
          ...options,
          onAssigned: assignment => later(() => options.onAssigned(assignment)),
          onLost: () => later(() => options.onLost?.()),
        })
        return { ...consumer, ...own(consumer) }
      },
    }),
  })
}

/** Processes that are stopped in the middle of commits until others have their tasks, and then wake up. */
export function zombies(): Partial<Scenario> {
  const sessionTimeout = 500
  const faults = [4, 12, 20].map(
    (nth): Fault => ({
      at: { operation: 'send', nth, moment: 'before' },
      action: { kind: 'pause', duration: 2 * sessionTimeout },
    }),
  )
  return { nodes: 2, sessionTimeout, transactionTimeout: 10 * sessionTimeout, faults }
}

export const mutants: readonly Wrong[] = [
  { name: 'writes its database before the commit', mutant: databaseFirst, violates: /^6:/ },
  {
    name: 'commits positions without an output',
    mutant: sending(records => withoutOne(records, isOutput)),
    violates: /^1-3:.*(lacks|expected)/,
  },
  {
    name: 'writes an output twice',
    mutant: sending(records => {
      const output = records.find(isOutput)
      return output === undefined ? records : [...records, output]
    }),
    violates: /^1-3:.*(twice|should not)/,
  },
  {
    name: 'writes an output twice, by the models',
    mutant: sending(records => {
      const output = records.find(isOutput)
      return output === undefined ? records : [...records, output]
    }),
    violates: /^1-3:.*model/,
    operators: ['count', 'window', 'collect', 'suppress', 'mapBatch'],
  },
  {
    name: 'swaps two outputs of a key',
    mutant: sending(records => {
      const outputs = records.filter(isOutput)
      const next = outputs.findIndex(
        (each, i) =>
          each.topic === outputs[i + 1]?.topic && each.key?.equals(outputs[i + 1]?.key ?? each.key),
      )
      if (next < 0) return records
      const [one, two] = [outputs[next]!, outputs[next + 1]!]
      return records.map(record => (record === one ? two : record === two ? one : record))
    }),
    violates: /^1-3:.*(order|should not)/,
  },
  {
    name: 'loses late records',
    mutant: sending(records => records.filter(({ topic }) => !topic.endsWith('-late'))),
    violates: /^1-3:.*-late/,
    operators: ['window', 'collect', 'final', 'session', 'windowPerKey', 'collectOperator'],
  },
  {
    name: 'does not log a change',
    mutant: sending(records => withoutOne(records, isChangelog)),
    violates: /^4:/,
    operators: ['count', 'window', 'suppress', 'regroup'],
  },
  {
    name: 'forgets the clocks of windows when it restores them',
    mutant: loadingWithout((_, key) => key[0] === 2),
    violates: /^(1-3|4):/,
    operators: ['final', 'windowPerKey', 'window'],
  },
  {
    name: 'forgets the clocks of collected windows when it restores them',
    mutant: loadingWithout((_, key) => key[0] === 0 || key[0] === 1),
    violates: /^(1-3|4):/,
    operators: ['collect', 'collectOperator'],
  },
  {
    name: 'forgets when punctuations are due',
    mutant: loadingWithout(store => store.endsWith('-clocks')),
    violates: /^(1-3|4):/,
    operators: ['punctuate'],
  },
  {
    name: 'forgets the decision in force',
    mutant: loadingWithout(store => store === 'decided'),
    violates: /^(1-3|4):/,
    operators: ['decision'],
  },
  {
    name: 'goes on one record too far',
    mutant: consuming(
      options => options,
      consumer => ({
        seek: (tp, position) => consumer.seek(tp, position > 0 ? position + 1 : 0),
      }),
    ),
    violates: /^1-3:/,
  },
  {
    name: 'does not ask the group before it initialises a producer anew',
    mutant: consumingLate(() => ({ heartbeat: async () => {} })),
    violates: /^7:.*has not asked/,
    scenario: zombies,
  },
  {
    name: 'does not hear of new assignments',
    mutant: consuming(
      options => {
        let heard = 0
        return { ...options, onAssigned: assignment => heard++ === 0 && options.onAssigned(assignment) }
      },
      () => ({}),
    ),
    violates: /^(7|10):/,
  },
  {
    name: 'does not take over its predecessor’s transaction',
    mutant: () => {
      let made = 0
      return {
        log: log => ({
          ...log,
          producer: options =>
            log.producer({
              ...options,
              transactionalId: options.transactionalId && `${options.transactionalId} ${made++}`,
            }),
        }),
      }
    },
    violates: /^(5|10):/,
    scenario: () => ({ transactionTimeout: 1e9 }),
  },
  {
    name: 'keeps a checkpoint that lags behind its contents',
    mutant: () => ({
      state: state => ({
        ...state,
        open: async (task, onSetAside) => {
          const inner = await state.open(task, onSetAside)
          const scan: TaskStore['scan'] = (store, range) => inner.scan(store, range)
          return {
            ...withScan(inner, scan),
            get checkpoint() {
              return inner.checkpoint
            },
            write: (changes, checkpoint) =>
              inner.write(changes, {
                ...checkpoint,
                positions: Object.fromEntries(
                  Object.entries(checkpoint.positions).map(([store, at]) => [store, Math.max(0, at - 2)]),
                ),
              }),
          }
        },
      }),
    }),
    violates: /^4:/,
    operators: ['count', 'window', 'regroup'],
  },
  {
    name: 'does not end',
    mutant: consuming(
      options => options,
      () => ({ close: () => new Promise(() => {}) }),
    ),
    violates: /^10:.*end/,
  },
]
