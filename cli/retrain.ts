/** `tickerwatch retrain`: what people labelled becomes a candidate, and is promoted if it is surely better. */
import { type Command, InvalidArgumentError } from 'commander'
import type { UnpublishedRelease } from '../processors/models/release.ts'
import type { RetrainReport } from '../processors/retraining/retrain.ts'
import { configure } from './configuration/configure.ts'
import type { Settings } from './configuration/settings.ts'
import { whileItTakesLong } from './progress.ts'
import { whole } from './values.ts'

interface RetrainCommandOptions extends Pick<Settings, 'state' | 'featureStore'> {
  readonly recordings: string
  readonly unseen?: string
  readonly serving: string
  readonly release: string
  readonly margin: number
  readonly seed: number
  readonly python: string
  readonly publish: boolean
  readonly save?: string
  readonly json?: boolean
}

export function define(command: Command): void {
  configure(command, {
    names: ['state', 'featureStore'],
    about: { state: 'state directory of the running node' },
  })
    .description(
      'Train a candidate on recordings and on what people labelled, compare it with the serving release on people it has not seen, publish it, and promote it if it is better.',
    )
    .requiredOption('--recordings <dir>', 'labelled recordings, the base of the training')
    .requiredOption('--release <version>', 'the candidate’s version, such as 1.2.0')
    .option('--unseen <dir>', 'recordings of people to compare on (default: a quarter of --recordings)')
    .option('--serving <name[@version]>', 'the release that serves: shipped, or a release file', 'watch')
    .option('--margin <share>', 'by which macro-F1 must be greater, with 95 % confidence', share, 0)
    .option('--seed <n>', 'of training and comparison', whole, 1)
    .option(
      '--python <program>',
      'has the packages of spark-jobs/requirements.txt',
      process.env.PYSPARK_PYTHON ?? 'python3',
    )
    .option('--no-publish', 'only train and compare')
    .option('--save <file>', 'write the candidate’s release file')
    .option('--json', 'print the report as one line of JSON')
    .action(retrainAndPublish)
}

async function retrainAndPublish(options: RetrainCommandOptions): Promise<void> {
  const { join } = await import('node:path')
  const { openStore } = await import('../lake/open-store.ts')
  const { retrain } = await import('../processors/retraining/retrain.ts')
  const store = await openStore(options.featureStore ?? join(options.state, 'feature-store'))
  const began = Date.now()
  const stop = whileItTakesLong(
    () => `reading, training and comparing for ${Math.round((Date.now() - began) / 1000)} s`,
  )
  try {
    const { candidate, report } = await retrain({
      ...options,
      store,
      serving: await servingRelease(options.serving),
      version: options.release,
      now: Date.now,
    })
    if (options.save !== undefined) await save(options.save, candidate)
    const promoted = options.publish && report.objections.length === 0
    if (options.publish) await publish(options, candidate, promoted)
    if (options.json) console.log(JSON.stringify({ ...report, published: options.publish, promoted }))
    else for (const line of inWords(report, options.publish, promoted)) console.log(line)
  } finally {
    stop()
    await store.close()
  }
}

async function servingRelease(model: string): Promise<UnpublishedRelease> {
  if (/[/\\]|\.json$/.test(model)) {
    const { readRelease } = await import('../processors/models/release.ts')
    return await readRelease(model)
  }
  const { shippedRelease } = await import('../processors/models/shipped.ts')
  const [name = '', version] = model.split('@')
  return await shippedRelease(name, version)
}

async function save(file: string, candidate: UnpublishedRelease): Promise<void> {
  const { writeFile } = await import('node:fs/promises')
  const { releaseJson } = await import('../processors/models/release.ts')
  await writeFile(file, `${JSON.stringify(releaseJson(candidate), null, 1)}\n`)
}

/** Through the running node: as a candidate, and then, if it is better, into force. */
async function publish(
  { state }: RetrainCommandOptions,
  candidate: UnpublishedRelease,
  promote: boolean,
): Promise<void> {
  const { withDesk } = await import('./models/desk.ts')
  await withDesk(
    { state, brokers: undefined, registry: undefined, trustedKeys: [] },
    candidate.name,
    async desk => {
      await desk.publish(candidate, { promote: false, reason: 'retrained' })
      if (promote)
        await desk.promote({ name: candidate.name, version: candidate.version }, 'better on unseen people')
    },
  )
}

function inWords(report: RetrainReport, published: boolean, promoted: boolean): string[] {
  const { candidate, serving, trained, unseen, randomArm, objections } = report
  const lines = [
    `${candidate} is trained on ${trained.recorded} recorded and ${trained.annotated} annotated windows`,
    `macro-F1 on ${unseen.people} unseen people: ${unseen.candidate.toFixed(4)}, of ${serving} ${unseen.serving.toFixed(4)}; difference at least ${unseen.lowerBound.toFixed(4)} with 95 % confidence`,
    unseen.servingMayKnow
      ? `${serving} may have been trained on these people, which flatters it: see --unseen`
      : '',
    `random arm: ${randomArm.windows} labelled windows`,
    ...objections.map(reason => `not promoted: ${reason}`),
  ]
  const fate = !published ? 'not published' : promoted ? 'published and promoted' : 'published as a candidate'
  return [...lines.filter(line => line !== ''), fate]
}

function share(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value < 1))
    throw new InvalidArgumentError('Give a share from 0 to 1.')
  return value
}
