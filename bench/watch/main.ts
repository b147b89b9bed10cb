/**
 * The peer's workload on this engine, as one process that runs until SIGTERM and prints a line
 * `EVENT name epoch-ms detail` for each event worth measuring. See ../README.md.
 */
import { writeSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import { stopSignal } from '../../cli/stop-signal.ts'
import { rocksdbBackend } from '../../state/index.ts'
import { type ProcessingGuarantee, StreamsNode } from '../../topology/index.ts'
import { kafkaLog } from '../../topology/log/kafka/kafka-log.ts'
import { onnxScorer } from './scorer.ts'
import { watchTopology } from './topology.ts'

interface WatchOptions {
  readonly brokers: string
  readonly applicationId: string
  readonly stateDir: string
  readonly model: string
  readonly guarantee: ProcessingGuarantee
  readonly threads: number
}

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
  const { applicationId, guarantee } = options
  const log = await kafkaLog({ brokers: options.brokers.split(','), clientId: applicationId })
  const node = new StreamsNode({
    topology: await watchTopology(await onnxScorer(options.model), () => event('FIRST_RECORD')),
    applicationId,
    log,
    state: rocksdbBackend(options.stateDir),
    guarantee,
    onNotice: text => console.error(text),
  })
  try {
    await node.start()
    const stopped = new Promise<void>(resolve => {
      if (stop.aborted) resolve()
      stop.addEventListener('abort', () => resolve())
    })
    await Promise.race([node.run(), stopped])
  } finally {
    await node.close()
    await log.close()
  }
}

function event(name: string, ...detail: readonly (string | number)[]): void {
  writeSync(1, `${['EVENT', name, Date.now(), ...detail].join(' ')}\n`)
}

function parseThreads(text: string): number {
  if (text === '1') return 1
  throw new InvalidArgumentError('One thread is all there is so far.')
}
