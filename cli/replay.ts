/** `tickerwatch replay`: what was predicted, predicted again from the log; as recorded, or by another release. */
import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import type { Command } from 'commander'
import { z } from 'zod'
import type { ReleaseId } from '../processors/models/release-desk.ts'
import type { ReplayReport } from '../processors/replay/replay-predictions.ts'
import { configure } from './configuration/configure.ts'
import type { Settings } from './configuration/settings.ts'
import { type DeskSettings, deskSettings, kafkaOnly } from './desk-settings.ts'
import { CliError } from './errors.ts'
import { openKafka } from './kafka.ts'
import { askNode } from './node-client.ts'
import { whileItTakesLong } from './progress.ts'
import { columns, printJson } from './table.ts'
import { releaseId } from './values.ts'

/** Registry, keys and annotations per hour are of a replay on Kafka; a node has its own. */
interface ReplayCommandOptions extends DeskSettings, Pick<Settings, 'trustedKeys' | 'annotationsPerHour'> {
  readonly model?: ReleaseId
  readonly out?: string
  readonly json?: boolean
}

/** Milliseconds that a node may take. */
const PATIENCE = 3_600_000

/** JSON has no NaN, which a share of no windows is. */
const share = z
  .number()
  .nullable()
  .transform(value => value ?? Number.NaN)
const report = z.object({
  release: z.string().optional(),
  readings: z.number(),
  predictions: z.number(),
  byVersion: z.record(z.string(), z.number()),
  identical: z.number(),
  different: z.number(),
  missing: z.number(),
  added: z.number(),
  agreement: share,
  labelChanges: z.array(z.object({ recorded: z.string(), replayed: z.string(), windows: z.number() })),
  routeChanges: z.number(),
  confidenceChange: share,
  incomplete: z.array(z.object({ partition: z.number(), from: z.number(), recordedFrom: z.number() })),
})

export function define(command: Command): void {
  configure(command, {
    names: [...deskSettings, 'trustedKeys', 'annotationsPerHour'],
    about: {
      state: 'state directory of the running node, which replays',
      brokers: 'replay here what is on Kafka, as host:port,…; needs no running node',
      trustedKeys: 'take only releases that one of these keys signed',
      annotationsPerHour: 'what the nodes run with',
    },
    check: (_, given) => [
      ...kafkaOnly(given, 'registry', 'trustedKeys', 'annotationsPerHour'),
      ...(command.getOptionValue('out') !== undefined && given('brokers') === undefined
        ? ['--out belongs to --brokers.']
        : []),
    ],
  })
    .description(
      'Predict the readings of the log again, beside the application, and compare with what was predicted. As recorded, all must be the same: exit code 1 if not.',
    )
    .option('--model <name@version>', 'by this release instead of those recorded: a backtest', releaseId)
    .option('--out <file>', 'write each window that is predicted otherwise, a line of JSON each')
    .option('--json', 'print JSON')
    .action(replay)
}

async function replay(options: ReplayCommandOptions): Promise<void> {
  const { model, json, brokers } = options
  const report = brokers === undefined ? await replayInNode(options) : await replayOnKafka(options)
  if (json) printJson(report)
  else for (const line of inWords(report)) console.log(line)
  const { different, missing, added } = report
  if (model === undefined && different + missing + added > 0) {
    const what = `${different} windows are predicted otherwise, ${missing} no more, ${added} anew`
    throw new CliError('REPLAY_DIFFERS', what)
  }
}

/** In the running node: its log may be in memory, where nobody else sees it. */
async function replayInNode({ state, model }: ReplayCommandOptions): Promise<ReplayReport> {
  const body = JSON.stringify(model ?? {})
  return report.parse(await askNode(state, { method: 'POST', path: '/api/replay', body, patience: PATIENCE }))
}

async function replayOnKafka(options: ReplayCommandOptions): Promise<ReplayReport> {
  const { out } = options
  const differences = out === undefined ? undefined : createWriteStream(out, { flags: 'wx' })
  const written = differences && finished(differences)
  written?.catch(() => {}) // told below
  const report = await replayOn(options, difference => differences?.write(`${JSON.stringify(difference)}\n`))
  differences?.end()
  await written?.catch(cause => {
    throw new CliError('FILE_UNWRITABLE', `${out} cannot be written: ${cause}`, { cause })
  })
  return report
}

async function replayOn(
  { model, registry, trustedKeys, annotationsPerHour, ...kafka }: ReplayCommandOptions,
  onDifference: (difference: object) => void,
): Promise<ReplayReport> {
  const { default: pino } = await import('pino')
  const { trustedSources } = await import('../processors/models/trusted-sources.ts')
  const { replayPredictions } = await import('../processors/replay/replay-predictions.ts')
  const { defaultPolicy } = await import('../processors/routing/routing.ts')
  const { avroSerdes, confluentRegistry, localRegistry } = await import('../schemas/index.ts')
  const { systemTimers } = await import('../topology/index.ts')
  const clientId = `tickerwatch-replay-${randomUUID()}`
  const log = await openKafka(kafka, clientId)
  let predicted = 0
  const stop = whileItTakesLong(() => `${predicted} windows predicted`)
  try {
    return await replayPredictions({
      log,
      avro: avroSerdes(registry === undefined ? localRegistry() : confluentRegistry(registry)),
      trusted: await trustedSources(trustedKeys),
      routing: { ...defaultPolicy, requestsPerHour: annotationsPerHour },
      clientId,
      timers: systemTimers,
      logger: pino({ level: 'error' }, pino.destination(2)),
      release: model,
      onDifference,
      onProgress: predictions => {
        predicted = predictions
      },
    })
  } finally {
    stop()
    await log.close()
  }
}

function inWords(report: ReplayReport): string[] {
  const { release, byVersion, labelChanges, incomplete, agreement, confidenceChange } = report
  const versions = Object.entries(byVersion).map(([version, n]) => `${n} by ${version}`)
  const rows = [
    ['replayed', release === undefined ? 'as recorded' : `by ${release}`],
    ['readings', String(report.readings)],
    ['predictions', [report.predictions, ...versions].join(', ')],
    ['identical', String(report.identical)],
    ['different', String(report.different)],
    ['missing', String(report.missing)],
    ['added', String(report.added)],
    ['labelled alike', `${(100 * agreement).toFixed(2)} %`],
    ['confidence moved by', confidenceChange.toFixed(4)],
    ['asked about or not', String(report.routeChanges)],
    ...labelChanges
      .slice(0, 10)
      .map(({ recorded, replayed, windows }) => [`${recorded} → ${replayed}`, String(windows)]),
    ...incomplete.map(({ partition, from, recordedFrom }) => [
      `partition ${partition}`,
      `begins at ${from}: the readings from ${recordedFrom} on are gone`,
    ]),
  ]
  return columns(rows)
}
