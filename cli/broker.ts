import { join } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { findBroker, startBroker, stopBroker } from '../topology/log/kafka/broker/start-broker.ts'

/** `tickerwatch broker start|stop|status` */
export function define(command: Command): void {
  command.addHelpText(
    'after',
    '\nIt is a real Apache Kafka 4.4 with one node, from Maven Central; it needs Java 17 and Maven.',
  )
  const dataDir = (options: { state: string }) => join(options.state, 'kafka')
  const state = [
    '--state <directory>',
    'where it keeps its data, in a directory kafka',
    '.tickerwatch',
  ] as const

  command
    .command('start')
    .description('start it in the background and wait until it is ready')
    .option('--port <number>', 'port on the loopback interface', parsePort, 9092)
    .option(...state)
    .action(async (options: { port: number; state: string }) => {
      const onProgress = (text: string) => process.stderr.write(`${text}\n`)
      const { brokers, pid } = await startBroker({
        port: options.port,
        dataDir: dataDir(options),
        detached: true,
        onProgress,
      })
      process.stderr.write(`Kafka runs (process ${pid}); use it with --brokers ${brokers}\n`)
      process.stdout.write(`${brokers}\n`)
    })

  command
    .command('stop')
    .description('stop it; its topics are kept')
    .option(...state)
    .action(async (options: { state: string }) => {
      const stopped = await stopBroker(dataDir(options))
      process.stdout.write(stopped ? 'stopped\n' : 'no broker was running\n')
    })

  command
    .command('status')
    .description('say whether it runs, and where')
    .option(...state)
    .action((options: { state: string }) => {
      const running = findBroker(dataDir(options))
      process.stdout.write(
        running === undefined ? 'not running\n' : `running at ${running.brokers} (process ${running.pid})\n`,
      )
      if (running === undefined) process.exitCode = 1
    })
}

function parsePort(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  throw new InvalidArgumentError('A port is a number from 1 to 65535.')
}
