/** `tickerwatch retraining begin|end`: what a schedule does before and after the steps of a retraining on EMR. */
import { type Command, InvalidArgumentError } from 'commander'
import type { ScheduledOptions, ScheduledReport } from '../processors/retraining/scheduled.ts'
import type { EmrConfig } from '../spark-jobs/submit/config.ts'
import { configure } from './configuration/configure.ts'
import type { Settings } from './configuration/settings.ts'
import { deskMeanings, deskSettings, kafkaOnly } from './desk-settings.ts'
import { type DeskOptions, withDesk } from './models/desk.ts'
import { whole } from './values.ts'

interface CommonOptions extends DeskOptions, Pick<Settings, 'model' | 'featureStore'> {
  readonly config: string
  readonly run: string
  readonly json?: boolean
}

interface BeginOptions extends CommonOptions {
  readonly atLeast: number
  readonly unseen?: string
  readonly source: string
}

interface EndOptions extends CommonOptions {
  readonly margin: number
  readonly seed: number
  readonly promote: boolean
  readonly key?: string
}

export function define(command: Command): void {
  command.addHelpText(
    'after',
    '\nBetween the two the steps that `begin` prints run on a cluster, in their order: deploy/airflow does that.',
  )
  const subcommand = (signature: string, summary: string) =>
    configure(command.command(signature).description(summary), {
      names: [...deskSettings, 'trustedKeys', 'model', 'featureStore'],
      about: {
        ...deskMeanings,
        trustedKeys: 'with --brokers, take only releases that one of them signed',
        model: 'whose releases, with --brokers',
        featureStore: 'where labelled windows are (default: feature-store in the lake)',
      },
      check: (_, given) => kafkaOnly(given, 'registry', 'trustedKeys'),
    })
      .requiredOption(
        '--run <name>',
        'names the run: what belongs to it is in retraining/NAME of the lake',
        runName,
      )
      .option('--config <file>', 'of the cluster and the lake (spark-jobs/submit/README.md)', 'emr.json')
      .option('--json', 'print one line of JSON')

  subcommand('begin', 'Look whether enough was labelled, and say which cluster and steps a retraining takes.')
    .argument('[words...]', 'options of the training script, after --')
    .option('--at-least <n>', 'windows that must have been labelled since the last time', whole, 100)
    .option(
      '--unseen <url>',
      'features of people that no release was trained on, to compare by (default: unseen/features in the lake)',
    )
    .option('--source <text>', 'what is trained on and its licence, for the lineage', 'retraining')
    .action(printBeginning)
  subcommand(
    'end',
    'Compare what was evaluated, publish the candidate, and promote it if it is surely better.',
  )
    .option('--margin <share>', 'by which macro-F1 must be greater, with 95 % confidence', share, 0)
    .option('--seed <n>', 'of the comparison', whole, 1)
    .option('--key <file>', 'the private key that signs the candidate')
    .option('--no-promote', 'only publish it, and say how it compares')
    .action(printEnd)
}

async function printBeginning(words: readonly string[], options: BeginOptions): Promise<void> {
  const { begin } = await import('../processors/retraining/scheduled.ts')
  const { readConfig } = await import('../spark-jobs/submit/config.ts')
  const config = await readConfig(options.config)
  const begun = await scheduled(options, config, own => begin(own, options))
  if ('skipped' in begun) return print(options, begun, [begun.skipped])
  const { serving, candidate, newlyLabelled } = begun
  const plan = {
    serving,
    candidate,
    newlyLabelled,
    ...(await clusterAndSteps(config, options, candidate, words)),
  }
  print(options, plan, [
    `${newlyLabelled} windows were labelled since the last time; ${candidate} is to be better than ${serving}`,
  ])
}

/** As requests to EMR: the cluster that is there or the one to make, and the steps in their order. */
async function clusterAndSteps(
  config: EmrConfig,
  { run, unseen = `${config.lake}/unseen/features`, source, ...options }: BeginOptions,
  candidate: string,
  words: readonly string[],
): Promise<object> {
  const { EMRClient } = await import('@aws-sdk/client-emr')
  const { openStore } = await import('../lake/open-store.ts')
  const { runFolder } = await import('../processors/retraining/scheduled.ts')
  const { clusterRequest, findCluster } = await import('../spark-jobs/submit/cluster.ts')
  const { uploadCode } = await import('../spark-jobs/submit/code.ts')
  const { jobOf, jobs } = await import('../spark-jobs/submit/jobs.ts')
  const { sparkSubmit, stepRequest } = await import('../spark-jobs/submit/step.ts')
  const folder = `${config.lake}/${runFolder(run)}`
  const [name = '', version = ''] = candidate.split('@')
  const evaluation = (which: string): readonly string[] => [
    ...['--features', unseen, '--release', `${folder}/${which}.json`],
    ...['--report', `${folder}/evaluation-${which}.json`],
  ]
  const wanted: Readonly<Record<string, readonly [job: string, words: readonly string[]]>> = {
    features: ['features', []],
    train: [
      'train',
      [
        ...['--name', name, '--version', version, '--source', source],
        ...[
          '--parent',
          `${folder}/serving.json`,
          '--samples',
          featureStoreOf(config, options),
          '--without',
          unseen,
        ],
        ...['--release', `${folder}/candidate.json`, '--report', `${folder}/train.json`, ...words],
      ],
    ],
    evaluate_serving: ['evaluate', evaluation('serving')],
    evaluate_candidate: ['evaluate', evaluation('candidate')],
  }
  const store = await openStore(config.code)
  const emr = new EMRClient({ maxAttempts: 5 })
  try {
    const code = await uploadCode(store)
    const steps = Object.entries(wanted).map(([key, [job, more]]) => {
      const entry = jobs.find(each => each.name === job)!
      const submitted = jobOf(entry, config.lake, more)
      return [key, stepRequest(`${key} ${run}`, sparkSubmit(submitted, code, config.environment))] as const
    })
    const found = await findCluster(emr, config)
    return { clusterId: found?.Id ?? null, cluster: clusterRequest(config), steps: Object.fromEntries(steps) }
  } finally {
    emr.destroy()
    await store.close()
  }
}

async function printEnd(options: EndOptions): Promise<void> {
  const { readPrivateKey } = await import('../processors/models/signature.ts')
  const { end } = await import('../processors/retraining/scheduled.ts')
  const { readConfig } = await import('../spark-jobs/submit/config.ts')
  const key = options.key === undefined ? undefined : await readPrivateKey(options.key)
  const config = await readConfig(options.config)
  const report = await scheduled(options, config, own => end(own, { ...options, key }))
  print(options, report, inWords(report))
}

async function scheduled<A>(
  options: CommonOptions,
  config: EmrConfig,
  work: (own: ScheduledOptions) => Promise<A>,
): Promise<A> {
  const { openStore } = await import('../lake/open-store.ts')
  const lake = await openStore(config.lake)
  const featureStore = await openStore(featureStoreOf(config, options))
  try {
    return await withDesk(options, options.model, desk =>
      work({ lake, featureStore, run: options.run, desk }),
    )
  } finally {
    await Promise.all([lake.close(), featureStore.close()])
  }
}

function featureStoreOf({ lake }: EmrConfig, { featureStore }: Pick<CommonOptions, 'featureStore'>): string {
  return featureStore ?? `${lake}/feature-store`
}

function inWords({ candidate, serving, unseen, randomArm, promoted, objections }: ScheduledReport): string[] {
  return [
    `macro-F1 of ${candidate} on ${unseen.people} unseen people: ${unseen.candidate.toFixed(4)}, of ${serving} ${unseen.serving.toFixed(4)}; difference at least ${unseen.lowerBound.toFixed(4)} with 95 % confidence`,
    `random arm: ${randomArm.windows} labelled windows`,
    ...objections.map(reason => `not promoted: ${reason}`),
    promoted ? 'published and promoted' : 'published as a candidate',
  ]
}

function print({ json }: CommonOptions, value: object, lines: readonly string[]): void {
  if (json) console.log(JSON.stringify(value))
  else for (const line of lines) console.log(line)
}

/** Schedulers name runs by times and zones, with characters that addresses of files do not take. */
function runName(text: string): string {
  const name = text.replace(/[^A-Za-z0-9_-]+/g, '-')
  if (!/^[A-Za-z0-9_-]{1,200}$/.test(name))
    throw new InvalidArgumentError('Give a name of at most 200 characters.')
  return name
}

function share(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value < 1))
    throw new InvalidArgumentError('Give a share from 0 to 1.')
  return value
}
