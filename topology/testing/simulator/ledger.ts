/**
 * What an onlooker who sees broker and disks writes down while a simulation runs, and what it finds wrong at once: who
 * owns a partition, who commits it, and whether a database is ahead of the log.
 */
import type { Checkpoint } from '../../../state/store.ts'
import type { ProcessingGuarantee } from '../../commit.ts'
import type { Assignment, CommittedOffset, TopicPartition } from '../../log/log.ts'
import type { MemoryLog } from '../../log/memory/memory-log.ts'
import { changelogTopic } from '../../plan.ts'
import type { Process, Simulation } from './simulation.ts'

/** One commit that took effect. */
export interface Committed {
  readonly process: Process
  readonly offsets: readonly CommittedOffset[]
  /** How many records the process had taken up by then. */
  readonly processed: number
}

export class Ledger {
  /** What was violated, in words. */
  readonly violations: string[] = []
  readonly commits: Committed[] = []
  readonly #simulation: Simulation
  readonly #log: MemoryLog
  readonly #options: { readonly applicationId: string; readonly guarantee: ProcessingGuarantee }
  /** Ids of the records each process took up, in that order. */
  readonly #processed = new Map<Process, string[]>()
  /** As the broker knows it. */
  readonly #owners = new Map<string, Process>()
  /** When the broker took a partition from a process. */
  readonly #lost = new Map<string, number>()
  /** The generation each process knows of. */
  readonly #generations = new Map<Process, number>()
  readonly #initialised = new Map<string, number>()
  /** When a call of a process's producer last failed, and when the group last confirmed that the process belongs to it. */
  readonly #failed = new Map<string, number>()
  readonly #confirmed = new Map<Process, number>()
  /** The partitions whose positions were last committed under a transactional id. */
  readonly #used = new Map<string, readonly string[]>()
  /** Generation in which a process began the transaction at hand. */
  readonly #began = new Map<string, number>()
  readonly #positions = new Map<string, number>()
  /** Who committed last. */
  readonly #committers = new Map<string, { process: Process; generation: number }>()

  constructor(
    simulation: Simulation,
    log: MemoryLog,
    options: { applicationId: string; guarantee: ProcessingGuarantee },
  ) {
    this.#simulation = simulation
    this.#log = log
    this.#options = options
  }

  violated(what: string): void {
    this.#simulation.note(`VIOLATED ${what}`)
    this.violations.push(what)
  }

  processedBy(process: Process): readonly string[] {
    return this.#processed.get(process) ?? []
  }

  /** The process begins to process a record. */
  processed(process: Process, id: string): void {
    const ids = this.#processed.get(process)
    if (ids === undefined) this.#processed.set(process, [id])
    else ids.push(id)
  }

  /** The broker gave a member its share. */
  assigned(process: Process, { partitions, generation }: Assignment): void {
    const names = new Set(partitions.map(nameOf))
    this.#simulation.note(`${process.name} is assigned ${[...names].join(' ')} in ${generation}`)
    for (const name of names) {
      const before = this.#owners.get(name)
      if (before !== undefined && before !== process)
        this.#lost.set(`${name} ${before.name}`, this.#simulation.elapsed)
      this.#owners.set(name, process)
    }
  }

  /** The member heard of it. */
  heard(process: Process, { generation }: Assignment): void {
    this.#simulation.note(`${process.name} hears of ${generation}`)
    this.#generations.set(process, generation)
    this.confirmed(process)
  }

  /** The group told a process that it belongs to it. */
  confirmed(process: Process): void {
    this.#confirmed.set(process, this.#simulation.elapsed)
  }

  /** A call of a transactional producer failed. */
  producerFailed(process: Process, transactionalId: string): void {
    this.#failed.set(`${process.name} ${transactionalId}`, this.#simulation.elapsed)
  }

  /** A process is about to fence whoever uses this transactional id. */
  initialises(process: Process, transactionalId: string): void {
    const failedAt = this.#failed.get(`${process.name} ${transactionalId}`)
    const hasAsked = failedAt === undefined || (this.#confirmed.get(process) ?? 0) >= failedAt
    const isOwner = (this.#used.get(transactionalId) ?? []).every(name => this.#owners.get(name) === process)
    if (!hasAsked && !isOwner)
      this.violated(
        `7: ${process.name} fences the owner of ${transactionalId} and has not asked whether it belongs to the group`,
      )
  }

  initialised(process: Process, transactionalId: string): void {
    this.#simulation.note(`${process.name} initialises ${transactionalId}`)
    this.#initialised.set(`${process.name} ${transactionalId}`, this.#simulation.elapsed)
  }

  began(process: Process, transactionalId: string): void {
    this.#began.set(`${process.name} ${transactionalId}`, this.#generations.get(process) ?? 0)
  }

  /** Positions were committed: in a transaction, or without one. */
  committed(process: Process, offsets: readonly CommittedOffset[], transactionalId?: string): void {
    const { guarantee } = this.#options
    const mine = `${process.name} ${transactionalId}`
    const generation = this.#began.get(mine) ?? this.#generations.get(process) ?? 0
    for (const offset of offsets) {
      const name = nameOf(offset)
      this.#simulation.note(`${process.name} commits ${name} at ${offset.position}`)
      if (guarantee === 'exactly_once') {
        const before = this.#positions.get(name) ?? 0
        if (offset.position < before)
          this.violated(`5: the committed position of ${name} went back from ${before} to ${offset.position}`)
        const lostAt = this.#lost.get(`${name} ${process.name}`)
        const isOwner = this.#owners.get(name) === process
        if (!isOwner && lostAt !== undefined && (this.#initialised.get(mine) ?? 0) > lostAt)
          this.violated(`7: ${process.name} fenced the owner of ${name} and committed for it`)
        // One that was told late may finish what it had begun before the owner began; never after.
        const other = this.#committers.get(name)
        if (!isOwner && other !== undefined && other.process !== process && other.generation >= generation)
          this.violated(
            `7: ${process.name} committed ${name} in generation ${generation}, which ${other.process.name} has had since ${other.generation}`,
          )
        this.#committers.set(name, { process, generation })
      }
      this.#positions.set(name, offset.position)
    }
    if (transactionalId !== undefined) this.#used.set(transactionalId, offsets.map(nameOf))
    this.commits.push({ process, offsets, processed: this.processedBy(process).length })
  }

  /** A task's database was written: it must not be ahead of what is committed. */
  written(process: Process, task: string, checkpoint: Checkpoint): void {
    const partition = Number(task.split('_').at(-1))
    for (const [store, position] of Object.entries(checkpoint.positions)) {
      const topic = changelogTopic(this.#options.applicationId, store)
      const { stableEnd } = this.#log.partition({ topic, partition })
      if (position > stableEnd)
        this.violated(
          `6: the database of ${task} on ${process.name} holds ${store} up to ${position} of ${stableEnd}`,
        )
    }
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
