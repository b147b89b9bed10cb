/** `tickerwatch run`, which is also `npm start`: the whole classifier in one process. */
import { type Command, Option } from 'commander'
import { defaultStateDirectory } from './node-file.ts'
import type { RunOptions } from './run/options.ts'
import { between, duration, hostAndPort, whole } from './values.ts'

export function define(command: Command): void {
  command
    .option('--recordings <dir>', 'stream recordings in the CASAS file format instead of generated readings')
    .option('--speed <n|max>', 'how many times faster than real time the recordings pass (default: 1)')
    .option('--timezone <zone>', 'IANA zone of the recordings’ stamps (default: UTC)')
    .option('--devices <n>', 'how many watches are generated', between(1, 100_000), 100)
    .option('--seed <n>', 'seed of the generated readings', whole, 1)
    .option(
      '--rate <n>',
      'generated readings a second, over all watches (default: as watches do, 10 each)',
      between(1, 10_000_000),
    )
    .option('--for <duration>', 'stop after so long, such as 40s or 10m', duration)
    .option('--publish-after <duration>', 'publish the second shipped release after so long', duration)
    .option('--report <file>', 'write a report in JSON at the end')
    .option('--model <name>', 'the model whose releases are followed', 'watch')
    .option(
      '--annotations-per-hour <n>',
      'how many unsure windows of an hour people are asked about',
      whole,
      240,
    )
    .option(
      '--trusted-keys <files...>',
      'Ed25519 public keys in PEM: only releases that one of them signed are taken (default: all)',
      [],
    )
    .option('--brokers <list>', 'Kafka, as host:port,… (default: a log in this process)')
    .option(
      '--threads <n>',
      'worker threads that share the work; more than one with --brokers',
      between(1, 64),
      1,
    )
    .option(
      '--standby-replicas <n>',
      'copies of each task’s state that other nodes keep up to date, to take it over fast',
      between(0, 10),
      0,
    )
    .option(
      '--replication-factor <n>',
      'of topics that do not exist yet (default: the cluster’s)',
      between(1, 100),
    )
    .option(
      '--advertise <host:port>',
      'where other nodes reach this one’s stores (default: where the console listens)',
      hostAndPort,
    )
    .addOption(
      new Option('--guarantee <guarantee>', 'exactly once costs a transaction per task and commit')
        .choices(['exactly_once', 'at_least_once'])
        .default('exactly_once'),
    )
    .option(
      '--registry <url>',
      'a schema registry with Confluent’s API (default: schema ids of this process)',
    )
    .option(
      '--sql <url>',
      'PostgreSQL or Amazon Redshift, as postgres://… or redshift://… (default: PGlite in this process)',
    )
    .option('--s3 <url>', 'where rows are staged that Redshift takes: s3://bucket/prefix, in its region')
    .option('--state <dir>', 'what the node keeps on disk', defaultStateDirectory)
    .option(
      '--feature-store <url>',
      'where labelled windows go: a directory, or s3://bucket/prefix (default: in the state directory)',
    )
    .option('--archive <url>', 'where readings are archived: a directory, or s3://bucket/prefix')
    .option('--host <address>', 'where the console listens', '127.0.0.1')
    .option('--port <n>', 'where the console listens', between(0, 65_535), 8080)
    .action(async (options: RunOptions) => {
      checkTogether(command, options)
      const { run } = await import('./run/run.ts')
      await run(options)
    })
}

function checkTogether(command: Command, options: RunOptions): void {
  const { recordings, speed, timezone, brokers, threads } = options
  const { standbyReplicas, replicationFactor, advertise } = options
  // Threads have no memory in common, and so no log in memory; other nodes have even less.
  const shared = {
    '--threads': threads > 1,
    '--standby-replicas': standbyReplicas > 0,
    '--replication-factor': replicationFactor !== undefined,
    '--advertise': advertise !== undefined,
  }
  for (const [name, given] of Object.entries(shared)) {
    if (given && brokers === undefined)
      command.error(`option '${name}' belongs to --brokers`, { exitCode: 2 })
  }
  if (threads > 1 && advertise !== undefined) {
    command.error("option '--advertise' does not go with --threads: stores of threads cannot be read", {
      exitCode: 2,
    })
  }
  const redshift = options.sql?.startsWith('redshift:') ?? false
  if (redshift && !options.s3?.startsWith('s3:'))
    command.error("option '--sql redshift://…' needs --s3 s3://bucket/prefix: it takes rows from there", {
      exitCode: 2,
    })
  if (!redshift && options.s3 !== undefined)
    command.error("option '--s3' belongs to --sql redshift://…", { exitCode: 2 })
  const misplaced = speed !== undefined ? '--speed' : timezone !== undefined ? '--timezone' : undefined
  if (recordings !== undefined && options.rate !== undefined)
    command.error("option '--rate' is of generated readings; recordings have --speed", { exitCode: 2 })
  if (recordings === undefined && misplaced !== undefined) {
    command.error(`option '${misplaced}' belongs to --recordings`, { exitCode: 2 })
  }
}
