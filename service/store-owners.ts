/**
 * A question about a store, put to the nodes that have its tasks: this one first, then each other node at most once, over
 * HTTP. Where a node is told by a header that the question was forwarded, it answers for itself and asks nobody.
 */
import { z } from 'zod'
import { ApplicationError, messageOf } from '../processors/errors.ts'
import type { KeyOwner, NodeTasks, Timers } from '../topology/index.ts'
import { askNode } from './other-node.ts'

const position = z.object({ topic: z.string(), partition: z.number(), position: z.number() })
const taskAnswer = z.object({
  task: z.string(),
  node: z.string(),
  from: z.enum(['active', 'standby']),
  lag: z.number(),
  positions: z.array(position),
  more: z.boolean(),
  entries: z.array(z.record(z.string(), z.unknown())),
})
const answers = z.object({ answers: z.array(taskAnswer) })

/** What one task or standby has of what was asked, as JSON. */
export type TaskAnswer = z.infer<typeof taskAnswer>

export interface StoreQuestion {
  /** The tasks that are to answer. */
  readonly owners: readonly KeyOwner[]
  /** The name of this node. */
  readonly node: string
  readonly standby: boolean
  /** Path and query, for other nodes. */
  readonly url: string
  /** A token for them, where reading needs one: all nodes have the same ones. */
  readonly token?: string | undefined
  /** Of the tasks, and where asked for the standbys, that are here. */
  here(): Promise<readonly TaskAnswer[]>
}

/**
 * One answer of each task, by partition.
 * @throws ApplicationError STORE_OWNER_UNKNOWN, STORE_RESTORING, STORE_OWNER_UNREACHABLE: a part of an answer is none
 */
export async function askOwners(question: StoreQuestion, timers: Timers): Promise<readonly TaskAnswer[]> {
  const { owners, node, standby, url, token } = question
  const found = new Map<string, TaskAnswer>()
  const take = (given: readonly TaskAnswer[]): void => {
    for (const answer of given) if (!found.has(answer.task)) found.set(answer.task, answer)
  }
  const asked = new Set<string>()
  const failures = new Map<string, ApplicationError>()
  take(await question.here())
  const active = (owner: KeyOwner): NodeTasks[] => (owner.active === undefined ? [] : [owner.active])
  // Standbys elsewhere only where a task itself gave no answer.
  for (const placesOf of standby ? [active, (owner: KeyOwner) => owner.standbys] : [active]) {
    const missing = owners.filter(({ task }) => !found.has(task))
    const others = missing.flatMap(placesOf).filter(each => each.node !== node)
    const endpoints = new Set(
      others.flatMap(({ endpoint }) => endpoint ?? []).filter(each => !asked.has(each)),
    )
    await Promise.all(
      [...endpoints].map(async endpoint => {
        asked.add(endpoint)
        try {
          take((await askNode(endpoint, url, answers, { timers, token })).answers)
        } catch (cause) {
          failures.set(endpoint, new ApplicationError('STORE_OWNER_UNREACHABLE', messageOf(cause), { cause }))
        }
      }),
    )
  }
  return owners.map(owner => {
    const answer = found.get(owner.task)
    if (answer === undefined) throw whyNot(owner, node, failures)
    return answer
  })
}

function whyNot(
  { task, active }: KeyOwner,
  node: string,
  failures: ReadonlyMap<string, ApplicationError>,
): ApplicationError {
  if (active === undefined)
    return new ApplicationError('STORE_OWNER_UNKNOWN', `no node runs task ${task} yet`)
  if (active.node === node)
    return new ApplicationError('STORE_RESTORING', `task ${task} is about to run here`)
  if (active.endpoint === undefined) {
    const text = `node ${active.node}, which runs task ${task}, does not say where it can be asked`
    return new ApplicationError('STORE_OWNER_UNREACHABLE', text)
  }
  const text = `task ${task} is about to run on ${active.endpoint}`
  return failures.get(active.endpoint) ?? new ApplicationError('STORE_RESTORING', text)
}
