/** The faults, each with what is measured of it. */
import { closeSync, fstatSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type RequestName, requests } from './connections.ts'
import { failPoints } from './fail-points.ts'
import type { FaultRun } from './fault-run.ts'
import { SESSION_TIMEOUT } from './pipeline.ts'
import type { FaultyNode } from './processes.ts'

/** Milliseconds that a zombie sleeps longer than its session lasts. */
const OVERSLEEP = 3_000
/** How long the effects of a join or a leave are looked at. */
const AFTERMATH = 3_000
const DISK_FULL = 4_000

/** What is counted of a fault. */
export type Count =
  | 'kills'
  | 'zombies'
  | 'brokerRestarts'
  | 'cuts'
  | 'joinsAndLeaves'
  | 'statesDamaged'
  | 'disksFull'

/** Recoveries of one sort are compared with one another. */
export type Sort =
  | 'kill and restart'
  | 'kill without restart'
  | 'zombie'
  | 'join or leave'
  | 'broker restart'
  | 'broker kill'
  | 'cut'
  | 'state damaged'
  | 'disk full'

export interface Measured {
  readonly sort: Sort
  /** From the fault until all partitions had committed again; of a join or leave the longest stall of any partition. */
  readonly milliseconds: number
}

export interface Fault {
  readonly name: string
  /** What it adds to the counts. */
  readonly counts: readonly Count[]
  /** The node it strikes; any, if absent. */
  readonly victim?: (run: FaultRun) => FaultyNode
  strike(run: FaultRun, node: FaultyNode): Promise<Measured[]>
}

/** Kills the node, does something while it is down, and starts it again. */
async function killAndRestart(
  run: FaultRun,
  node: FaultyNode,
  sort: Sort,
  meanwhile: () => void = () => {},
): Promise<Measured[]> {
  await node.kill()
  const since = Date.now()
  meanwhile()
  node.run()
  return [{ sort, milliseconds: await run.recovered(since) }]
}

const atStepsOfACommit = failPoints
  .filter(point => !point.startsWith('0'))
  .map(
    (at): Fault => ({
      name: `kill -9 at "${at}"`,
      counts: ['kills'],
      // Only the first stage has an asynchronous operator.
      victim: at === '1 draining' ? run => run.readerOf('numbers') : undefined,
      async strike(run, node) {
        node.tell({ strike: { at, signal: 'SIGKILL' } })
        await run.struck(node, at)
        return await killAndRestart(run, node, 'kill and restart')
      },
    }),
  )

const whileTakingOver = failPoints
  .filter(point => point.startsWith('0'))
  .map(
    (at): Fault => ({
      name: `kill -9 at "${at}", without local state`,
      counts: ['kills', 'kills', 'statesDamaged'],
      async strike(run, node) {
        await node.kill()
        removeStates(node)
        node.run({ strike: { at, signal: 'SIGKILL' } })
        await run.struck(node, at)
        return await killAndRestart(run, node, 'kill and restart')
      },
    }),
  )

const killAtRandom: Fault = {
  name: 'kill -9 at a random time',
  counts: ['kills'],
  async strike(run, node) {
    await delay(run.random.below(500))
    return await killAndRestart(run, node, 'kill and restart')
  },
}

const killForGood: Fault = {
  name: 'kill -9 without a restart',
  counts: ['kills'],
  async strike(run, node) {
    await node.kill()
    const milliseconds = await run.recovered(Date.now())
    const joined = Date.now()
    node.run()
    await run.recovered(joined)
    return [{ sort: 'kill without restart', milliseconds }]
  },
}

/** Lets a stopped node go on when others have its work. */
async function oversleep(run: FaultRun, node: FaultyNode): Promise<Measured[]> {
  const since = Date.now()
  await delay(SESSION_TIMEOUT + OVERSLEEP)
  node.signal('SIGCONT')
  const milliseconds = await run.recovered(since)
  await run.recovered(Date.now())
  return [{ sort: 'zombie', milliseconds }]
}

const zombie: Fault = {
  name: 'SIGSTOP for longer than the session, then SIGCONT',
  counts: ['zombies'],
  async strike(run, node) {
    node.signal('SIGSTOP')
    return await oversleep(run, node)
  },
}

/** It wakes up in the middle of a commit, which others have taken over. */
const zombiesInACommit = (['4 positions added', '5 committed'] as const).map(
  (at): Fault => ({
    name: `SIGSTOP at "${at}" for longer than the session, then SIGCONT`,
    counts: ['zombies'],
    async strike(run, node) {
      node.tell({ strike: { at, signal: 'SIGSTOP' } })
      await run.struck(node, at)
      return await oversleep(run, node)
    },
  }),
)

const joinAndLeave: Fault = {
  name: 'a node joins and leaves',
  counts: ['joinsAndLeaves', 'joinsAndLeaves'],
  async strike(run) {
    const stalls: Measured[] = []
    const measure = async (step: () => Promise<unknown>): Promise<void> => {
      const since = Date.now()
      await step()
      await delay(AFTERMATH)
      const milliseconds = run.watch.longestStall(since, Date.now())
      stalls.push({ sort: 'join or leave', milliseconds })
    }
    await measure(async () => {
      run.visitor.run()
      await run.visitor.commits()
    })
    await measure(() => run.visitor.stop())
    return stalls
  },
}

const brokerRestart: Fault = {
  name: 'the broker is restarted',
  counts: ['brokerRestarts'],
  async strike(run) {
    const since = await run.restartBroker('stop')
    return [{ sort: 'broker restart', milliseconds: await run.recovered(since) }]
  },
}

const brokerKill: Fault = {
  name: 'kill -9 of the broker, and restart',
  counts: ['brokerRestarts'],
  async strike(run) {
    const since = await run.restartBroker('kill')
    return [{ sort: 'broker kill', milliseconds: await run.recovered(since) }]
  },
}

const cuts = (Object.keys(requests) as RequestName[]) // Object.keys forgets the type
  .map(
    (request): Fault => ({
      name: `the connection breaks between ${request} and its answer`,
      counts: request === 'OffsetFetch' ? ['cuts', 'kills'] : ['cuts'],
      async strike(run, node) {
        if (request !== 'OffsetFetch') {
          await run.cut(request, () => node.tell({ cut: request }))
        } else {
          // Positions are only asked for when a task begins.
          await node.kill()
          await run.cut(request, () => node.run({ cut: request }))
        }
        return [{ sort: 'cut', milliseconds: await run.recovered(Date.now()) }]
      },
    }),
  )

const stateDeleted: Fault = {
  name: 'kill -9, and its state is gone',
  counts: ['kills', 'statesDamaged'],
  strike: (run, node) => killAndRestart(run, node, 'state damaged', () => removeStates(node)),
}

const stateCorrupted: Fault = {
  name: 'kill -9, and its state is overwritten in places',
  counts: ['kills', 'statesDamaged'],
  strike: (run, node) =>
    killAndRestart(run, node, 'state damaged', () => {
      for (const file of filesBelow(node.start.state)) overwrite(file, run)
    }),
}

const diskFull: Fault = {
  name: 'the disk is full, the node is killed, and there is room again',
  counts: ['kills', 'disksFull'],
  victim: run => run.nodes.at(-1)!,
  async strike(run, node) {
    const { disk } = run
    if (disk === undefined) throw new Error('no small disk can be mounted')
    disk.fill()
    await delay(DISK_FULL)
    // Files that were allotted before may still take writes; a new process must write.
    await node.kill()
    node.run()
    await delay(DISK_FULL)
    disk.free()
    return [{ sort: 'disk full', milliseconds: await run.recovered(Date.now()) }]
  },
}

/** Every fault once, and joining and leaving six times. */
export const faults: readonly Fault[] = [
  ...atStepsOfACommit,
  ...whileTakingOver,
  killAtRandom,
  killForGood,
  zombie,
  ...zombiesInACommit,
  ...[joinAndLeave, joinAndLeave, joinAndLeave],
  brokerRestart,
  brokerKill,
  ...cuts,
  stateDeleted,
  stateCorrupted,
  diskFull,
]

/** What lies in the directory; it may be where a disk is mounted. */
function removeStates({ start: { state } }: FaultyNode): void {
  for (const name of readdirSync(state)) rmSync(join(state, name), { recursive: true, force: true })
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
}

/** Some bytes at a random place. */
function overwrite(file: string, { random }: FaultRun): void {
  const handle = openSync(file, 'r+')
  const { size } = fstatSync(handle)
  const noise = Buffer.from(Array.from({ length: Math.min(64, size) }, () => random.below(256)))
  writeSync(handle, noise, 0, noise.length, random.below(Math.max(1, size - noise.length)))
  closeSync(handle)
}
