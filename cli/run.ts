/** `tickerwatch run`, which is also `npm start`: the whole classifier in one process. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { RunOptions } from './run/options.ts'

export function define(command: Command): void {
  command
    .addOption(
      new Option(
        '--recordings <dir>',
        'stream recordings in the CASAS file format instead of generated readings',
      ),
    )
    .option('--speed <n|max>', 'how many times faster than real time the recordings pass (default: 1)', speed)
    .option('--timezone <zone>', 'IANA zone of the recordings’ stamps (default: UTC)')
    .option('--devices <n>', 'how many watches are generated', positive, 100)
    .option('--seed <n>', 'seed of the generated readings', whole, 1)
    .option('--for <duration>', 'stop after so long, such as 40s or 10m', duration)
    .option('--publish-after <duration>', 'publish the second shipped release after so long', duration)
    .option('--report <file>', 'write a report in JSON at the end')
    .option('--model <name>', 'the model whose releases are followed', 'watch')
    .option('--brokers <list>', 'Kafka, as host:port,… (default: a log in this process)')
    .option(
      '--registry <url>',
      'a schema registry with Confluent’s API (default: schema ids of this process)',
    )
    .option('--sql <url>', 'PostgreSQL, as postgres://… (default: PGlite in this process)')
    .option('--state <dir>', 'what the node keeps on disk', '.tickerwatch')
    .option('--host <address>', 'where the console listens', '127.0.0.1')
    .option('--port <n>', 'where the console listens', port, 8080)
    .action(async (options: RunOptions) => {
      checkTogether(command, options)
      const { run } = await import('./run/run.ts')
      await run(options)
    })
}

function checkTogether(command: Command, { recordings, speed, timezone }: RunOptions): void {
  const misplaced = speed !== undefined ? '--speed' : timezone !== undefined ? '--timezone' : undefined
  if (recordings === undefined && misplaced !== undefined) {
    command.error(`option '${misplaced}' belongs to --recordings`, { exitCode: 2 })
  }
}

function speed(text: string): number | 'max' {
  if (text === 'max') return text
  const value = Number(text)
  if (!(value > 0 && Number.isFinite(value)))
    throw new InvalidArgumentError('Give a positive number, or max.')
  return value
}

function whole(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Give a whole number.')
  return Number(text)
}

function positive(text: string): number {
  const value = whole(text)
  if (value < 1 || value > 100_000) throw new InvalidArgumentError('Give a number from 1 to 100000.')
  return value
}

function port(text: string): number {
  const value = whole(text)
  if (value > 65_535) throw new InvalidArgumentError('Give a port from 0 (any free one) to 65535.')
  return value
}

/** Milliseconds. */
function duration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text)
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] ?? '']
  if (unit === undefined) throw new InvalidArgumentError('Give a duration such as 40s, 10m or 1h.')
  return Number(match?.[1]) * unit
}
