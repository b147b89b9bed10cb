/**
 * A question about a store, put to the nodes that have its tasks: this one first, then each other node at most once, over
 * HTTP. Where a node is told by a header that the question was forwarded, it answers for itself and asks nobody.
 */
import { z } from 'zod'
import { ApplicationError } from '../processors/errors.ts'
import type { KeyOwner, NodeTasks, Timers } from '../topology/index.ts'

/** Marks a question that another node forwards. */
export const FORWARDED = 'x-tickerwatch-forwarded'
/** Milliseconds that another node has for its answer, and bytes of it. */
const FORWARD_WITHIN = 2000
const FORWARD_BYTES = 16 << 20

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
  const { owners, node, standby } = question
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
          take(await askNode(endpoint, question, timers))
        } catch (error) {
          if (!(error instanceof ApplicationError)) throw error
          failures.set(endpoint, error)
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

/** @throws ApplicationError STORE_OWNER_UNREACHABLE */
async function askNode(
  endpoint: string,
  { url, token }: StoreQuestion,
  timers: Timers,
): Promise<readonly TaskAnswer[]> {
  const abort = new AbortController()
  const cancel = timers.after(FORWARD_WITHIN, () =>
    abort.abort(new Error(`no answer in ${FORWARD_WITHIN} ms`)),
  )
  try {
    const response = await fetch(`http://${endpoint}${url}`, {
      headers: { [FORWARDED]: '1', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      redirect: 'error',
      signal: abort.signal,
    })
    const text = await bodyOf(response)
    if (!response.ok) throw new Error(`it answered ${response.status} ${text.slice(0, 500)}`)
    return answers.parse(JSON.parse(text)).answers
  } catch (cause) {
    const text = `${endpoint} cannot be asked: ${reasonOf(cause)}`
    throw new ApplicationError('STORE_OWNER_UNREACHABLE', text, { cause })
  } finally {
    cancel()
  }
}

async function bodyOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > FORWARD_BYTES)
      throw new Error(`its answer is larger than ${FORWARD_BYTES} bytes: ask for less`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** Of what fetch throws, the cause says more. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}
