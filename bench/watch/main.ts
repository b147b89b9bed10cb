/**
 * The peer's workload on this engine, as one process that runs until SIGTERM and prints a line
 * `EVENT name epoch-ms detail` for each event worth measuring. See ../README.md.
 */
import { Command, InvalidArgumentError, Option } from 'commander'
import { stopSignal } from '../../cli/stop-signal.ts'
import { type NodeOptions, WorkerThreads } from '../../topology/index.ts'
import { event } from '../event.ts'
import watchNode, { type WatchOptions } from './node.ts'

/** Makes the node in each of several threads. */
const watchModule = new URL('./node.ts', import.meta.url)

interface ProcessOptions extends WatchOptions {
  readonly clientId?: string
  readonly threads: number
}

export async function main(words: readonly string[]): Promise<void> {
  event('MAIN')
  const command = new Command('watch-bench')
    .requiredOption('--brokers <host:port,…>', 'Kafka')
    .requiredOption('--application-id <name>', 'consumer group, and prefix of internal topics')
    .option('--client-id <name>', 'of each node its own (default: the application id)')
    .requiredOption('--state-dir <directory>', 'where local state is kept')
    .requiredOption('--model <file>', 'ONNX model: 1 x 46 floats to probabilities')
    .addOption(
      new Option('--guarantee <name>', 'processing guarantee')
        .choices(['exactly_once', 'at_least_once'])
        .default('exactly_once'),
    )
    .option('--threads <number>', 'stream threads', parseThreads, 1)
  await run(command.parse([...words], { from: 'user' }).opts<ProcessOptions>())
}

async function run({ threads, clientId: own, ...options }: ProcessOptions): Promise<void> {
  const stop = stopSignal()
  const clientId = own ?? options.applicationId
  const { node, close } =
    threads === 1
      ? await watchNode(options, { clientId, listener })
      : {
          node: new WorkerThreads({ module: watchModule, data: options, threads, clientId, ...listener }),
          close() {},
        }
  try {
    await node.start()
    const stopped = new Promise<void>(resolve => {
      if (stop.aborted) resolve()
      stop.addEventListener('abort', () => resolve())
    })
    await Promise.race([node.run(), stopped])
  } finally {
    await node.close()
    await close()
  }
}

const listener = {
  onNotice: console.error,
  onRestore(restore) {
    const changelog = `${restore.topic}-${restore.partition}`
    if (restore.type === 'start') event('RESTORE_START', changelog, restore.end - restore.start)
    if (restore.type === 'end') event('RESTORE_END', changelog, restore.records)
  },
} satisfies Pick<NodeOptions, 'onNotice' | 'onRestore'>

function parseThreads(text: string): number {
  const threads = Number(text)
  if (Number.isInteger(threads) && threads >= 1 && threads <= 64) return threads
  throw new InvalidArgumentError('A whole number from 1 to 64.')
}
