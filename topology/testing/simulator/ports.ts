/** The log and the disk as one process reaches them: through the network, with the ledger looking on. */
import { StateError } from '../../../state/errors.ts'
import type { StateBackend, TaskStore } from '../../../state/store.ts'
import { TickerError } from '../../errors.ts'
import type {
  Assignment,
  CommittedOffset,
  Consumer,
  ConsumerOptions,
  Log,
  Producer,
  ProducerOptions,
  Reader,
  TopicPartition,
} from '../../log/log.ts'
import type { MemoryLog } from '../../log/memory/memory-log.ts'
import type { RecordBatch } from '../../log/record-batch.ts'
import type { Operation } from './faults.ts'
import type { Ledger } from './ledger.ts'
import type { Network } from './network.ts'
import type { Process, Simulation } from './simulation.ts'

export interface PortOptions {
  readonly process: Process
  readonly simulation: Simulation
  readonly network: Network
  readonly ledger: Ledger
}

export interface LogPortOptions extends PortOptions {
  readonly log: MemoryLog
  readonly sessionTimeout: number
}

const logFailure = (message: string): Error => new TickerError('LOG_UNREACHABLE', message)
const diskFailure = (message: string): Error => new StateError('STATE_DISK', message)

export function simulatedLog(options: LogPortOptions): Log {
  const { log, network, process } = options
  const { call } = network.channel(process)
  const { admin } = log
  return {
    description: 'simulated',
    durable: true,
    admin: {
      createTopics: topics => call('createTopics', () => admin.createTopics(topics), logFailure),
      describeTopic: topic => call('describeTopic', () => admin.describeTopic(topic), logFailure),
      listTopics: () => call('describeTopic', () => admin.listTopics(), logFailure),
      topicStates: topics => call('describeTopic', () => admin.topicStates(topics), logFailure),
      deleteTopics: topics => call('createTopics', () => admin.deleteTopics(topics), logFailure),
      offsets: topic => call('offsets', () => admin.offsets(topic), logFailure),
      positionsAt: (topic, time) => call('offsets', () => admin.positionsAt(topic, time), logFailure),
      members: group => call('committed', () => admin.members(group), logFailure),
      groupStates: groups => call('committed', () => admin.groupStates(groups), logFailure),
      setPositions: (group, positions) =>
        call('committed', () => admin.setPositions(group, positions), logFailure),
      committed: (group, topics) => call('committed', () => admin.committed(group, topics), logFailure),
      deleteRecords: before => call('createTopics', () => admin.deleteRecords(before), logFailure),
      stablePositions: (group, partitions) =>
        call('committed', () => admin.stablePositions(group, partitions), logFailure),
      deleteGroup: group => call('committed', () => admin.deleteGroup(group), logFailure),
    },
    consumer: consumerOptions => simulatedConsumer(consumerOptions, options),
    reader: async readerOptions =>
      simulatedReader(await call('reader', () => log.reader(readerOptions), logFailure), options),
    producer: async producerOptions =>
      simulatedProducer(
        await call('producer', () => log.producer(producerOptions), logFailure),
        producerOptions,
        options,
      ),
    close: async () => {},
  }
}

/**
 * A member of the group. The broker divides at once; the member hears of it some time later, and until it does, asks and
 * commits as a member of a generation that is over.
 */
async function simulatedConsumer(
  consumerOptions: ConsumerOptions,
  options: LogPortOptions,
): Promise<Consumer> {
  const { process, simulation, network, ledger, log, sessionTimeout } = options
  const { call } = network.channel(process)
  /** Assignments that the broker made and the member has not heard of. */
  let unheard = 0
  /** Assignments that the broker made. */
  let made = 0
  /** How often each partition was sought: what was fetched before is dropped. */
  const sought = new Map<string, number>()
  /** News arrive in order. */
  let newsAt = 0
  const hear = (news: () => void): void => {
    const now = simulation.elapsed
    newsAt = Math.max(newsAt, now + 5 * simulation.random())
    simulation.after(newsAt - now, news, process)
  }
  const onAssigned = (assignment: Assignment): void => {
    made++
    unheard++
    ledger.assigned(process, assignment)
    hear(() => {
      unheard--
      ledger.heard(process, assignment)
      consumerOptions.onAssigned(assignment)
    })
  }
  /** A request that arrives from a process that is dead or stopped is its last sign of life, once it is taken in. */
  const fromMember = <T>(effect: () => Promise<T>): Promise<T> => {
    const answer = effect()
    if (!process.alive || process.paused) simulation.after(1, () => log.silence(consumerOptions.clientId))
    return answer
  }
  const inner = await call(
    'consumer',
    () =>
      fromMember(() =>
        log.consumer({
          ...consumerOptions,
          sessionTimeout,
          onAssigned,
          onLost: () => hear(() => consumerOptions.onLost?.()),
        }),
      ),
    logFailure,
  )
  /** What the group answers to a member of an older generation. */
  const checkGeneration = (): void => {
    if (unheard > 0) throw new TickerError('LOG_REBALANCED', 'simulated: the group has a newer generation')
  }
  return {
    async poll(maxWait) {
      const fetched = await call(
        'poll',
        () =>
          fromMember(async () => {
            const batches = await inner.poll(maxWait)
            return { batches, made, sought: new Map(sought) }
          }),
        logFailure,
      )
      if (fetched.made !== made) return []
      const isWanted = (batch: RecordBatch): boolean =>
        fetched.sought.get(nameOf(batch)) === sought.get(nameOf(batch))
      return fetched.batches.filter(isWanted)
    },
    wakeup: () => inner.wakeup(),
    seek(tp, position) {
      if (unheard > 0) return
      sought.set(nameOf(tp), (sought.get(nameOf(tp)) ?? 0) + 1)
      inner.seek(tp, position)
    },
    pause: partitions => {
      if (unheard === 0) inner.pause(partitions)
    },
    resume: partitions => {
      if (unheard === 0) inner.resume(partitions)
    },
    commit: offsets =>
      call(
        'offsetCommit',
        () =>
          fromMember(async () => {
            checkGeneration()
            await inner.commit(offsets)
            ledger.committed(process, offsets)
          }),
        logFailure,
      ),
    // A member asks for it on its own connection, and hears of what became of it as of any assignment.
    rejoin: () => inner.rejoin(),
    heartbeat: () =>
      call(
        'heartbeat',
        () =>
          fromMember(async () => {
            checkGeneration()
            await inner.heartbeat()
            ledger.confirmed(process)
          }),
        logFailure,
      ),
    // A member that did not get through is given up when its session is over.
    close: () =>
      call('leave', () => inner.close(), logFailure).catch(() => log.silence(consumerOptions.clientId)),
  }
}

function simulatedReader(inner: Reader, { process, network }: LogPortOptions): Reader {
  const { call } = network.channel(process)
  return {
    seek: (tp, position) => inner.seek(tp, position),
    poll: maxWait => call('read', () => inner.poll(maxWait), logFailure),
    close: () => call('closeReader', () => inner.close(), logFailure).catch(() => {}),
  }
}

function simulatedProducer(
  inner: Producer,
  producerOptions: ProducerOptions,
  options: LogPortOptions,
): Producer {
  const { process, network, ledger } = options
  const { transactionalId } = producerOptions
  const { call } = network.channel(process)
  let offsets: readonly CommittedOffset[] = []
  /** A call within a transaction. */
  const callInTransaction = async <T>(operation: Operation, effect: () => Promise<T>): Promise<T> => {
    try {
      return await call(operation, effect, logFailure)
    } catch (error) {
      if (transactionalId !== undefined) ledger.producerFailed(process, transactionalId)
      throw error
    }
  }
  return {
    init: () => {
      if (transactionalId !== undefined) ledger.initialises(process, transactionalId)
      return call(
        'init',
        async () => {
          await inner.init()
          if (transactionalId !== undefined) ledger.initialised(process, transactionalId)
        },
        logFailure,
      )
    },
    send: records => callInTransaction('send', () => inner.send(records)),
    begin: () => {
      offsets = []
      ledger.began(process, transactionalId ?? '')
      inner.begin()
    },
    sendOffsets: (group, positions) =>
      callInTransaction('sendOffsets', async () => {
        await inner.sendOffsets(group, positions)
        offsets = [...offsets, ...positions]
      }),
    commit: () =>
      callInTransaction('commit', async () => {
        await inner.commit()
        ledger.committed(process, offsets, transactionalId)
      }),
    abort: () => call('abort', () => inner.abort(), logFailure),
    // One that can not be reached leaves its transaction open.
    close: () => call('closeProducer', () => inner.close(), logFailure).catch(() => {}),
  }
}

export function simulatedState(inner: StateBackend, options: PortOptions): StateBackend {
  const { process, network } = options
  const { call } = network.channel(process, { local: true })
  return {
    description: inner.description,
    open: async (task, onSetAside) => {
      let opened: TaskStore | undefined
      const open = async (): Promise<TaskStore> => {
        opened = await inner.open(task, onSetAside)
        return opened
      }
      try {
        return simulatedStore(task, await call('open', open, diskFailure), options)
      } catch (error) {
        // A disk that refuses holds no lock.
        await opened?.close()
        throw error
      }
    },
    setAside: (task, why) => call('clear', () => inner.setAside(task, why), diskFailure),
    list: () => call('open', () => inner.list(), diskFailure),
    destroy: task => call('clear', () => inner.destroy(task), diskFailure),
  }
}

function simulatedStore(
  task: string,
  inner: TaskStore,
  { process, network, ledger }: PortOptions,
): TaskStore {
  const { call } = network.channel(process, { local: true })
  return {
    get checkpoint() {
      return inner.checkpoint
    },
    get: (store, key) => call('scan', () => inner.get(store, key), diskFailure),
    getMany: (store, keys) => call('scan', () => inner.getMany(store, keys), diskFailure),
    async *scan(store, range) {
      yield* await call('scan', async () => inner.scan(store, range), diskFailure)
    },
    write: (changes, checkpoint) =>
      call(
        'write',
        async () => {
          await inner.write(changes, checkpoint)
          ledger.written(process, task, checkpoint)
        },
        diskFailure,
      ),
    clear: store => call('clear', () => inner.clear(store), diskFailure),
    // However it fails, the operating system lets go of the lock.
    close: () => call('closeStore', () => inner.close(), diskFailure).catch(() => inner.close()),
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
