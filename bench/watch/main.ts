/**
 * The peer's workload on this engine, as one process that runs until SIGTERM and prints a line
 * `EVENT name epoch-ms detail` for each event worth measuring. See ../README.md.
 */
import { Command, InvalidArgumentError, Option } from 'commander'
import { stopSignal } from '../../cli/stop-signal.ts'
import { event } from './event.ts'
import watchNode, { type WatchOptions } from './node.ts'

export async function main(words: readonly string[]): Promise<void> {
  event('MAIN')
  const command = new Command('watch-bench')
    .requiredOption('--brokers <host:port,…>', 'Kafka')
    .requiredOption('--application-id <name>', 'consumer group, and prefix of internal topics')
    .requiredOption('--state-dir <directory>', 'where local state is kept')
    .requiredOption('--model <file>', 'ONNX model: 1 x 46 floats to probabilities')
    .addOption(
      new Option('--guarantee <name>', 'processing guarantee')
        .choices(['exactly_once', 'at_least_once'])
        .default('exactly_once'),
    )
    .option('--threads <number>', 'stream threads', parseThreads, 1)
  await run(command.parse([...words], { from: 'user' }).opts<WatchOptions>())
}

async function run(options: WatchOptions): Promise<void> {
  const stop = stopSignal()
  const context = { clientId: options.applicationId, listener: { onNotice: console.error } }
  const { node, close } = await watchNode(options, context)
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

function parseThreads(text: string): number {
  if (text === '1') return 1
  throw new InvalidArgumentError('One thread is all there is so far.')
}
