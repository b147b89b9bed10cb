/**
 * A node of the counting pipeline as a process of its own, to be killed. It ends in good order at SIGTERM.
 * `node --import tsx topology/testing/counting/node.ts --brokers … --client-id … --state …`
 */
import { parseArgs } from 'node:util'
import { WorkerThreads } from '../../index.ts'
import type { CountingThread } from './thread.ts'

const text = { type: 'string', default: '' } as const
const { values } = parseArgs({
  options: {
    brokers: text,
    'application-id': text,
    'client-id': text,
    state: text,
    'session-timeout': { type: 'string', default: '10000' },
    threads: { type: 'string', default: '1' },
  },
})
const { 'client-id': clientId, 'application-id': applicationId, brokers, state } = values
const data: CountingThread = {
  brokers,
  applicationId,
  state,
  sessionTimeout: Number(values['session-timeout']),
}
const notice = { onNotice: (text: string): void => console.error(`${clientId}: ${text}`) }
const threads = Number(values.threads)
let close = async (): Promise<void> => {}
process.once('SIGTERM', () => void close())

if (threads > 1) {
  const module = new URL('thread.ts', import.meta.url)
  const node = new WorkerThreads({ module, data, threads, clientId, ...notice })
  close = () => node.close()
  await node.start()
  const running = node.run()
  tellWhenItWorks(() => node.status().tasks.length > 0)
  await running
  await node.close()
  console.log(JSON.stringify(node.status()))
} else {
  const { default: make } = await import('./thread.ts')
  const nothing = (): void => {}
  const listener = {
    ...notice,
    onDeadLetter: nothing,
    onDecision: nothing,
    onRestore: nothing,
    onRestored: nothing,
  }
  const { node, close: closeLog } = await make(data, { clientId, node: clientId, listener })
  close = () => node.close()
  await node.start()
  const running = node.run()
  tellWhenItWorks(() => node.status().tasks.length > 0)
  await running
  await node.close()
  await closeLog()
}

/** One that has just joined the group has no tasks yet: what happened to it then would be seen by nobody. */
function tellWhenItWorks(works: () => boolean): void {
  const timer = setInterval(() => {
    if (!works()) return
    clearInterval(timer)
    console.log('works')
  }, 20)
  timer.unref()
}
