import { join } from 'node:path'
import type { Command } from 'commander'
import { findBroker, startBroker, stopBroker } from '../topology/log/kafka/broker/start-broker.ts'
import { configure } from './configuration/configure.ts'
import { between } from './values.ts'

/** `tickerwatch broker start|stop|status` */
export function define(command: Command): void {
  command.addHelpText(
    'after',
    '\nIt is a real Apache Kafka 4.4 with one node, from Maven Central; it needs Java 17 and Maven.',
  )
  const dataDir = (options: { state: string }) => join(options.state, 'kafka')
  const subcommand = (name: string, summary: string) =>
    configure(command.command(name).description(summary), {
      names: ['state'],
      about: { state: 'where it keeps its data, in a directory kafka' },
    })

  subcommand('start', 'start it in the background and wait until it is ready')
    .option('--port <number>', 'port on the loopback interface', between(1, 65_535), 9092)
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

  subcommand('stop', 'stop it; its topics are kept').action(async (options: { state: string }) => {
    const stopped = await stopBroker(dataDir(options))
    process.stdout.write(stopped ? 'stopped\n' : 'no broker was running\n')
  })

  subcommand('status', 'say whether it runs, and where').action((options: { state: string }) => {
    const running = findBroker(dataDir(options))
    process.stdout.write(
      running === undefined ? 'not running\n' : `running at ${running.brokers} (process ${running.pid})\n`,
    )
    if (running === undefined) process.exitCode = 1
  })
}
