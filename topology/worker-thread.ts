/** What runs in a worker thread of a node: a node of its own, told what to do by `worker-threads.ts`. */
import { parentPort, workerData } from 'node:worker_threads'
import { observe } from './distribution.ts'
import { codeOf } from './errors.ts'
import type { StreamsNode } from './node.ts'
import type { NodeStatus } from './node-status.ts'
import { answerTo } from './thread-queries.ts'
import { newLoopDelay } from './thread-status.ts'
import type {
  ThreadContext,
  ThreadFailure,
  ThreadMaker,
  ThreadMessage,
  ThreadNode,
  ThreadRequest,
} from './worker-threads.ts'

/** Milliseconds between two reports of what was done. */
const REPORT_INTERVAL = 250

const { module, data, clientId, node }: { module: string; data: unknown; clientId: string; node: string } =
  workerData
const port = parentPort!
const post = (message: ThreadMessage): void => port.postMessage(message)

const context: ThreadContext = {
  clientId,
  node,
  listener: {
    onNotice: text => post({ kind: 'notice', text }),
    onDeadLetter: letter => post({ kind: 'deadLetter', letter }),
    onDecision: (task, store, decision) => post({ kind: 'decision', task, store, decision }),
    onRestore: event => post({ kind: 'restore', event }),
    onRestored: (task, records) => post({ kind: 'restored', task, records }),
  },
}

const loopDelay = newLoopDelay()
/** The event loop is this thread's, so it has one node and one stream thread. */
const statusOf = (node: StreamsNode): NodeStatus => {
  const status = node.status()
  return { ...status, threads: status.threads.map(thread => ({ ...thread, loopDelay })) }
}

let made: ThreadNode | undefined
let reporting: NodeJS.Timeout | undefined

async function start(): Promise<void> {
  const make: ThreadMaker<unknown> = (await import(module)).default
  made = await make(data, context)
  const { node } = made
  await node.start()
  let due = performance.now() + REPORT_INTERVAL
  reporting = setInterval(() => {
    const now = performance.now()
    observe(loopDelay, Math.max(0, now - due) / 1000)
    due = now + REPORT_INTERVAL
    post({ kind: 'status', status: statusOf(node) })
  }, REPORT_INTERVAL)
  node.run().catch(error => post({ kind: 'failed', error: failureOf(error) }))
}

async function close(): Promise<void> {
  clearInterval(reporting)
  try {
    await made?.node.close()
  } finally {
    if (made !== undefined) post({ kind: 'status', status: statusOf(made.node) })
    await made?.close()
  }
}

async function carryOut(request: ThreadRequest): Promise<unknown> {
  switch (request.call) {
    case 'start':
      return await start()
    case 'close':
      return await close()
    case 'pause':
      return made?.node.pause()
    case 'resume':
      return made?.node.resume()
    case 'query':
      return await answerTo(made!.node.query, request.question)
  }
}

port.on('message', async (request: ThreadRequest) => {
  const { id } = request
  try {
    post({ kind: 'answer', id, value: await carryOut(request) })
  } catch (error) {
    post({ kind: 'refusal', id, error: failureOf(error) })
  }
})

function failureOf(error: unknown): ThreadFailure {
  if (!(error instanceof Error)) return { code: undefined, message: String(error), stack: undefined }
  return { code: codeOf(error), message: error.message, stack: error.stack }
}
