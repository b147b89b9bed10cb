/**
 * The nodes of a simulation: processes on machines with a disk each, which faults befall, and a supervisor that starts
 * again what has ended.
 */
import type { StateBackend } from '../../../state/store.ts'
import type { Graph, Log, Timers } from '../../index.ts'
import type { MemoryLog } from '../../log/memory/memory-log.ts'
import { StreamsNode } from '../../node.ts'
import { Disk } from './disk.ts'
import type { Action, DiskAfterCrash } from './faults.ts'
import type { Ledger } from './ledger.ts'
import type { Network } from './network.ts'
import { simulatedLog, simulatedState } from './ports.ts'
import type { Scenario } from './scenario.ts'
import type { Process, Simulation } from './simulation.ts'
import type { Surroundings } from './topologies.ts'

export const APPLICATION = 'app'

/** Nodes at once, at most. */
const MOST_NODES = 4
/** Milliseconds of simulated time that SIGTERM may take. */
const STOP_LIMIT = 30_000
/** What a process may end with when the log or the disk failed: its supervisor starts it again. */
const failures = new Set(['LOG_UNREACHABLE', 'LOG_FAILED', 'LOG_FENCED', 'LOG_REBALANCED', 'STATE_DISK'])

/** Wraps what a process is given, to make it wrong in one way: a test that the checks find it. */
export interface Mutant {
  log?(log: Log, process: Process, simulation: Simulation): Log
  state?(state: StateBackend, process: Process): StateBackend
}

export interface ClusterOptions {
  readonly simulation: Simulation
  readonly scenario: Scenario
  readonly log: MemoryLog
  readonly ledger: Ledger
  readonly topology: (surroundings: Surroundings) => Graph
  readonly mutant: Mutant
  /** A machine's disk as a killed process leaves it. */
  readonly onCrash: (machine: string, disk: Disk) => void
}

interface Machine {
  readonly name: string
  readonly disk: Disk
  incarnations: number
  process: Process | undefined
  node: StreamsNode | undefined
  /** SIGTERM was sent. */
  stopping: boolean
  /** It is not started again. */
  left: boolean
}

export class Cluster {
  readonly #options: ClusterOptions
  readonly #machines: Machine[] = []
  #network: Network | undefined
  #healing = false
  #closing = false
  /** How often processes were stopped beyond their session, and ended by themselves. */
  readonly counts = { zombie: 0, ended: 0 }

  constructor(options: ClusterOptions) {
    this.#options = options
  }

  start(network: Network): void {
    this.#network = network
    for (let i = 0; i < this.#options.scenario.nodes; i++)
      this.#join(20 * i * this.#options.simulation.random())
  }

  get disks(): readonly { readonly machine: string; readonly disk: Disk }[] {
    return this.#machines.map(({ name, disk }) => ({ machine: name, disk }))
  }

  /** Whether no process runs. */
  get ended(): boolean {
    return this.#machines.every(machine => machine.process === undefined)
  }

  /** What befalls a process. */
  befall(process: Process, action: Action): void {
    const machine = this.#machines.find(each => each.process === process)
    if (machine !== undefined) this.#befall(machine, action)
  }

  /** What befalls the node of this number, if it runs. */
  befallNode(number: number, action: Action): void {
    const running = this.#machines.filter(machine => machine.process !== undefined)
    if (running.length > 0) this.#befall(running[number % running.length]!, action)
  }

  /** All that is stopped goes on, and what has ended starts again. */
  heal(): void {
    this.#healing = true
    for (const machine of this.#machines) {
      if (machine.process?.paused) this.#options.simulation.resume(machine.process)
    }
    if (this.#machines.every(machine => machine.left)) this.#machines[0]!.left = false
    for (const machine of this.#machines) this.#startAgain(machine, 0)
  }

  /** SIGTERM to all. */
  stopAll(): void {
    this.#closing = true
    for (const machine of this.#machines) this.#stop(machine, undefined)
  }

  #befall(machine: Machine, action: Action): void {
    switch (action.kind) {
      case 'crash':
        this.#crash(machine, action.disk, action.restartAfter)
        break
      case 'pause':
        this.#pause(machine, action.duration)
        break
      case 'stop':
        this.#stop(machine, action.restartAfter)
        break
      case 'join':
        this.#join(0)
        break
    }
  }

  #join(delay: number): void {
    if (this.#machines.filter(machine => !machine.left).length >= MOST_NODES) return
    const machine: Machine = {
      name: `n${this.#machines.length}`,
      disk: new Disk(),
      incarnations: 0,
      process: undefined,
      node: undefined,
      stopping: false,
      left: false,
    }
    this.#machines.push(machine)
    this.#startAgain(machine, delay)
  }

  #startAgain(machine: Machine, delay: number): void {
    this.#options.simulation.after(this.#healing ? Math.min(delay, 100) : delay, () => {
      if (machine.process === undefined && !machine.left) this.#run(machine)
    })
  }

  #run(machine: Machine): void {
    const { simulation, scenario, log, ledger, topology, mutant } = this.#options
    const { random } = simulation
    const { sessionTimeout, guarantee, commitInterval, standbyReplicas, cacheBytes } = scenario
    const process: Process = {
      name: `${machine.name}#${++machine.incarnations}`,
      alive: true,
      paused: false,
      held: [],
    }
    const timers = simulation.timersOf(process)
    const ports = { process, simulation, network: this.#network!, ledger }
    const reached = simulatedLog({ ...ports, log, sessionTimeout })
    const disk = simulatedState(machine.disk.backend, ports)
    const node = new StreamsNode({
      topology: topology({
        timers,
        onRecord: id => ledger.processed(process, id),
        callTime: () => (random() < 0.98 ? Math.floor(20 * random()) : 1000),
        offer: () => `v${Math.floor(timers.now() / 400)}`,
        checkSchema: schemaFetchedBy(timers, random),
      }),
      onFailure: { process: () => 'deadLetter' },
      applicationId: APPLICATION,
      clientId: machine.name,
      log: mutant.log?.(reached, process, simulation) ?? reached,
      state: mutant.state?.(disk, process) ?? disk,
      guarantee,
      commitInterval,
      standbyReplicas,
      cacheBytes,
      timers,
      onNotice: text => simulation.note(`${process.name}: ${text}`),
      onRestored: (task, records) => simulation.note(`${process.name} restored ${task}: ${records} records`),
    })
    machine.process = process
    machine.node = node
    machine.stopping = false
    simulation.note(`${process.name} starts`)
    const run = async (): Promise<void> => {
      await node.start()
      await node.run()
    }
    run().catch(error => this.#ended(machine, process, error))
  }

  /** The process ended by itself. */
  #ended(machine: Machine, process: Process, error: unknown): void {
    const { simulation, ledger } = this.#options
    if (machine.process !== process) return
    simulation.note(`${process.name} ends: ${error}`)
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (!failures.has(code))
      ledger.violated(`10: ${process.name} ended: ${error instanceof Error ? error.stack : error}`)
    this.counts.ended++
    if (!machine.stopping) this.#crash(machine, 'kept', 50)
  }

  #crash(machine: Machine, disk: DiskAfterCrash, restartAfter: number): void {
    const { process } = machine
    if (process === undefined) return
    this.#gone(machine)
    this.#options.onCrash(machine.name, machine.disk)
    machine.disk.suffer(disk, this.#options.simulation.random)
    this.#startAgain(machine, restartAfter)
  }

  #pause(machine: Machine, duration: number): void {
    const { simulation, scenario } = this.#options
    const { process } = machine
    if (process === undefined || process.paused || this.#healing) return
    simulation.note(`${process.name} is stopped`)
    if (duration > scenario.sessionTimeout) this.counts.zombie++
    process.paused = true
    this.#silence(machine, process)
    simulation.after(duration, () => {
      simulation.note(`${process.name} goes on`)
      simulation.resume(process)
    })
  }

  /** Graceful; whoever does not end in time has failed. */
  #stop(machine: Machine, restartAfter: number | undefined): void {
    const { simulation, ledger } = this.#options
    const { process, node } = machine
    if (restartAfter === undefined) machine.left = true
    if (process === undefined || node === undefined || machine.stopping) return
    machine.stopping = true
    simulation.note(`${process.name} is asked to end`)
    const end = (how: string): void => {
      cancel()
      if (machine.process !== process) return
      simulation.note(`${process.name} has ended${how}`)
      this.#gone(machine)
      // At least one goes on to the end.
      if (this.#healing && !this.#closing && this.ended) machine.left = false
      this.#startAgain(machine, restartAfter ?? 0)
    }
    const cancel = simulation.after(
      STOP_LIMIT,
      () => {
        if (machine.process === process) ledger.violated(`10: ${process.name} does not end when asked to`)
      },
      process,
    )
    node.close().then(
      () => end(''),
      error => {
        this.#ended(machine, process, error)
        end(`: ${error}`)
      },
    )
  }

  #gone(machine: Machine): void {
    const { simulation } = this.#options
    const { process } = machine
    if (process === undefined) return
    simulation.note(`${process.name} is gone`)
    process.alive = false
    process.held.length = 0
    machine.process = undefined
    machine.node = undefined
    machine.disk.release()
    this.#silence(machine, process)
  }

  /** No sign of life comes from it any more, once what it has sent is taken in. */
  #silence(machine: Machine, process: Process): void {
    const { simulation, log } = this.#options
    simulation.after(1, () => {
      if (!process.alive || process.paused) log.silence(machine.name)
    })
  }
}

/** What a process needs to decode records: it asks for it at the first one, and may have to ask again. */
function schemaFetchedBy(timers: Timers, random: () => number): () => void {
  let fetching: Promise<void> | undefined
  let isThere = false
  const fetch = (): Promise<void> =>
    new Promise((resolve, reject) => {
      timers.after(20 * random(), () => {
        fetching = undefined
        isThere = random() < 0.9
        if (isThere) resolve()
        else reject(new Error('the registry is away'))
      })
    })
  return () => {
    if (isThere) return
    fetching ??= fetch()
    throw Object.assign(new Error('the schema is not there yet'), { ready: fetching })
  }
}
