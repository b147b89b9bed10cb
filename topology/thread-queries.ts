/**
 * Queries of a node whose tasks run in worker threads: each thread reads its own stores, and this one asks them all. Values
 * come as clones, so those of classes lose their methods, and bytes are Uint8Arrays.
 */
import { codeOf, TickerError } from './errors.ts'
import type { NodeTasks } from './placement.ts'
import type { Answer, KeyOwner, StoreDescription, StoreQueries } from './queries.ts'

/** A question as it is handed to a thread. */
export type Question = {
  [M in Asked]: { readonly method: M; readonly args: Parameters<StoreQueries[M]> }
}[Asked]

type Asked = Exclude<keyof StoreQueries, 'node'>

/** Puts a question to the stores of one thread. */
export async function answerTo(queries: StoreQueries, { method, args }: Question): Promise<unknown> {
  switch (method) {
    case 'stores':
      return await queries.stores()
    case 'ownerOf':
      return await queries.ownerOf(...args)
    case 'owners':
      return await queries.owners(...args)
    case 'nodes':
      return await queries.nodes()
    case 'get':
      return await queries.get(...args)
    case 'range':
      return await queries.range(...args)
    case 'windows':
      return await queries.windows(...args)
    case 'allWindows':
      return await queries.allWindows(...args)
  }
}

/** Asks one thread. What it answers is what `answerTo` gave there. */
export type AskThread = (question: Question) => Promise<unknown>

/** @param threads those that run now */
export function threadQueries(node: string, threads: () => readonly AskThread[]): StoreQueries {
  /** What every thread knows: the group tells all its members the same. */
  const anyOf = async <T>(question: Question): Promise<T> => {
    const [first] = threads()
    if (first === undefined) throw new TickerError('LOG_MISUSED', 'the node is not started')
    return (await first(question)) as T // as `answerTo` gave it
  }
  /** The task itself knows more than a standby. */
  const ofKey = async <T>(question: Question): Promise<Answer<T>> => {
    const settled = await Promise.allSettled(threads().map(ask => ask(question)))
    const answers = settled.flatMap(
      each => (each.status === 'fulfilled' ? [each.value as Answer<T>] : []), // as above
    )
    const answer = answers.find(({ from }) => from === 'active') ?? answers[0]
    if (answer !== undefined) return answer
    const reasons = settled.flatMap(each => (each.status === 'rejected' ? [each.reason] : []))
    throw reasons.find(each => codeOf(each) !== 'QUERY_ELSEWHERE') ?? reasons[0]
  }
  const ofAll = async <T>(question: Question): Promise<readonly Answer<T>[]> => {
    const all = await Promise.all(threads().map(ask => ask(question)))
    const byTask = new Map<string, Answer<T>>()
    for (const answer of all.flatMap(each => each as readonly Answer<T>[])) // as above
      if (answer.from === 'active' || !byTask.has(answer.task)) byTask.set(answer.task, answer)
    return [...byTask.values()]
  }
  return {
    node,
    stores: () => anyOf<readonly StoreDescription[]>({ method: 'stores', args: [] }),
    ownerOf: (...args) => anyOf<KeyOwner>({ method: 'ownerOf', args }),
    owners: (...args) => anyOf<readonly KeyOwner[]>({ method: 'owners', args }),
    nodes: () => anyOf<readonly NodeTasks[]>({ method: 'nodes', args: [] }),
    get: (...args) => ofKey({ method: 'get', args }),
    range: (...args) => ofAll({ method: 'range', args }),
    windows: (...args) => ofKey({ method: 'windows', args }),
    allWindows: (...args) => ofAll({ method: 'allWindows', args }),
  }
}
