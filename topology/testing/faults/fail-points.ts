/**
 * Where a node is struck by a signal: SIGKILL or SIGSTOP at each step of a commit (numbered as in `commit.ts`) and of taking a task over. The engine
 * knows nothing of it: the points lie in the log and the stores that it is given, and in its connections.
 */
import type { Checkpoint, StateBackend, StoreChange, TaskStore } from '../../../state/index.ts'
import type { CommittedOffset, Log, Producer, Reader } from '../../index.ts'
import type { Connections, RequestName } from './connections.ts'

export const failPoints = [
  '0 initialised',
  '0 restoring',
  '1 draining',
  '2 snapshot taken',
  '3 sending',
  '3 sent',
  '4 adding positions',
  '4 positions added',
  '5 committing',
  '5 committed',
  '6 writing',
  '6 written',
] as const

export type FailPoint = (typeof failPoints)[number]

export interface Strike {
  readonly at: FailPoint
  readonly signal: 'SIGKILL' | 'SIGSTOP'
}

/** Points at which a request is on its way. */
const onTheWay: Partial<Record<FailPoint, RequestName>> = {
  '3 sending': 'Produce',
  '4 adding positions': 'TxnOffsetCommit',
  '5 committing': 'EndTxn',
}

export class FailPoints {
  readonly #connections: Connections
  #armed: Strike | undefined

  constructor(connections: Connections) {
    this.#connections = connections
  }

  arm(strike: Strike): void {
    const request = onTheWay[strike.at]
    if (request === undefined) this.#armed = strike
    else this.#connections.onWritten(request, () => process.kill(process.pid, strike.signal))
  }

  reached(point: FailPoint): void {
    if (this.#armed?.at !== point) return
    const { signal } = this.#armed
    this.#armed = undefined
    process.kill(process.pid, signal)
  }

  /** @param onCommitted is told the positions of each transaction that was committed */
  log(log: Log, onCommitted: (positions: readonly CommittedOffset[]) => void): Log {
    return {
      ...log,
      // The verifier wants to see all that was between the stages.
      admin: around(log.admin, { deleteRecords: async () => {} }),
      producer: async options => this.#producer(await log.producer(options), onCommitted),
      reader: async options => this.#reader(await log.reader(options)),
    }
  }

  state(backend: StateBackend): StateBackend {
    return {
      ...backend,
      open: async (task, onSetAside) => this.#store(await backend.open(task, onSetAside)),
    }
  }

  #producer(producer: Producer, onCommitted: (positions: readonly CommittedOffset[]) => void): Producer {
    let positions: readonly CommittedOffset[] = []
    return around(producer, {
      init: async () => {
        await producer.init()
        this.reached('0 initialised')
      },
      begin: () => {
        this.reached('2 snapshot taken')
        producer.begin()
      },
      send: async records => {
        const ends = await producer.send(records)
        this.reached('3 sent')
        return ends
      },
      sendOffsets: async (group, offsets, ...rest) => {
        positions = offsets
        await producer.sendOffsets(group, offsets, ...rest)
        this.reached('4 positions added')
      },
      commit: async () => {
        await producer.commit()
        this.reached('5 committed')
        onCommitted(positions)
      },
    })
  }

  #reader(reader: Reader): Reader {
    return around(reader, {
      poll: async maxWait => {
        const batches = await reader.poll(maxWait)
        this.reached('0 restoring')
        return batches
      },
    })
  }

  #store(store: TaskStore): TaskStore {
    const write = async (
      changes: ReadonlyMap<string, readonly StoreChange[]>,
      checkpoint: Checkpoint,
    ): Promise<void> => {
      const written = store.write(changes, checkpoint)
      // RocksDB's threads are at it.
      setImmediate(() => this.reached('6 writing'))
      await written
      this.reached('6 written')
    }
    return around(store, { write })
  }
}

/** The object, with some of its methods replaced. */
function around<T extends object>(inner: T, methods: Partial<T>): T {
  return new Proxy(inner, {
    get(target, name) {
      const own = Reflect.get(methods, name)
      if (own !== undefined) return own
      // The object's private fields are its own, not the proxy's.
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
