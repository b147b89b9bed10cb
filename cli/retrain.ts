/** `tickerwatch retrain`: what people labelled becomes a candidate, and is promoted if it is surely better. */
import { type Command, InvalidArgumentError } from 'commander'
import type { UnpublishedRelease } from '../processors/models/release.ts'
import type { RetrainReport } from '../processors/retraining/retrain.ts'
import { configure } from './configuration/configure.ts'
import type { Settings } from './configuration/settings.ts'
import { deskMeanings, deskSettings, kafkaOnly } from './desk-settings.ts'
import type { DeskOptions } from './models/desk.ts'
import { whileItTakesLong } from './progress.ts'
import { whole } from './values.ts'

interface RetrainCommandOptions extends DeskOptions, Pick<Settings, 'featureStore' | 'model'> {
  readonly recordings?: string
  readonly unseen?: string
  readonly candidate?: string
  readonly serving?: string
  readonly release?: string
  readonly margin: number
  readonly seed: number
  readonly python: string
  readonly publish: boolean
  readonly key?: string
  readonly save?: string
  readonly json?: boolean
}

export function define(command: Command): void {
  configure(command, {
    names: [...deskSettings, 'trustedKeys', 'model', 'featureStore'],
    about: {
      ...deskMeanings,
      trustedKeys: 'with --brokers, take only releases that one of them signed',
      model: 'whose releases, with --brokers',
    },
    check: (_, given) => kafkaOnly(given, 'registry', 'trustedKeys'),
  })
    .description(
      'Train a candidate on recordings and on what people labelled, compare it with the serving release on people it has not seen, publish it, and promote it if it is better.',
    )
    .option('--recordings <dir>', 'labelled recordings, the base of the training')
    .option('--unseen <dir>', 'recordings of people to compare on (default: a quarter of --recordings)')
    .option(
      '--candidate <file>',
      'instead of training here: a release trained elsewhere, such as by tickerwatch emr train; needs --unseen',
    )
    .option(
      '--serving <name[@version]>',
      'the release that serves: a shipped one, or a release file (default: the one in force)',
    )
    .option('--release <version>', 'the candidate’s version (default: the next minor one)')
    .option('--margin <share>', 'by which macro-F1 must be greater, with 95 % confidence', share, 0)
    .option('--seed <n>', 'of training and comparison', whole, 1)
    .option(
      '--python <program>',
      'has the packages of spark-jobs/requirements.txt',
      process.env.PYSPARK_PYTHON ?? 'python3',
    )
    .option('--key <file>', 'the private key that signs the candidate')
    .option('--no-publish', 'only train and compare')
    .option('--save <file>', 'write the candidate’s release file')
    .option('--json', 'print the report as one line of JSON')
    .action(retrainAndPublish)
}

async function retrainAndPublish(options: RetrainCommandOptions, self: Command): Promise<void> {
  checkTogether(options, self)
  const { join } = await import('node:path')
  const { openStore } = await import('../lake/open-store.ts')
  const { readPrivateKey, signRelease } = await import('../processors/models/signature.ts')
  const { retrain } = await import('../processors/retraining/retrain.ts')
  // What cannot be signed need not be trained.
  const key = options.key === undefined ? undefined : await readPrivateKey(options.key)
  const given = options.candidate === undefined ? undefined : await namedRelease(options.candidate)
  const { serving, version } = await beginning(options, given, key !== undefined || given?.signature != null)
  const store = await openStore(options.featureStore ?? join(options.state, 'feature-store'))
  const began = Date.now()
  const stop = whileItTakesLong(
    () => `reading, training and comparing for ${Math.round((Date.now() - began) / 1000)} s`,
  )
  try {
    const { candidate: learned, report } = await retrain({
      ...options,
      candidate: given,
      store,
      serving,
      version,
      now: Date.now,
      onProgress: line => process.stderr.write(`${line}\n`),
    })
    const candidate = key === undefined ? learned : { ...learned, signature: signRelease(learned, key) }
    if (options.save !== undefined) await save(options.save, candidate)
    const ended = options.publish ? await publish(options, candidate, report) : { report, promoted: false }
    const { publish: published } = options
    if (options.json) console.log(JSON.stringify({ ...ended.report, published, promoted: ended.promoted }))
    else for (const line of inWords(ended.report, published, ended.promoted)) console.log(line)
  } finally {
    stop()
    await store.close()
  }
}

/** The release to be better than, and the version of what is to be. */
async function beginning(
  options: RetrainCommandOptions,
  candidate: UnpublishedRelease | undefined,
  signed: boolean,
): Promise<{ serving: UnpublishedRelease; version: string }> {
  const { nextVersion } = await import('../processors/retraining/scheduled.ts')
  const { withDesk } = await import('./models/desk.ts')
  const { ApplicationError } = await import('../processors/errors.ts')
  const named = options.serving === undefined ? undefined : await namedRelease(options.serving)
  const wanted = candidate?.version ?? options.release
  if (named !== undefined && wanted !== undefined && !options.publish)
    return { serving: named, version: wanted }
  return await withDesk(options, named?.name ?? options.model, async desk => {
    const { inForce, known, signaturesRequired } = await desk.list()
    // What would be refused in the end need not be trained.
    if (options.publish && signaturesRequired && !signed)
      throw new ApplicationError('MODEL_UNSIGNED', 'only signed releases are taken, and no --key is given')
    if (named === undefined && inForce === undefined) {
      throw new ApplicationError('MODEL_NONE_IN_FORCE', 'there is no release to be better than')
    }
    const serving = named ?? (await desk.release(inForce!))
    return { serving, version: wanted ?? nextVersion(serving, known) }
  })
}

async function namedRelease(model: string): Promise<UnpublishedRelease> {
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

/** As a candidate, and then, if it is better than what serves by now, into force. */
async function publish(
  options: RetrainCommandOptions,
  candidate: UnpublishedRelease,
  report: RetrainReport,
): Promise<{ report: RetrainReport; promoted: boolean }> {
  const { releaseKey } = await import('../processors/models/release.ts')
  const { withDesk } = await import('./models/desk.ts')
  return await withDesk(options, candidate.name, async desk => {
    await desk.publish(candidate, { promote: false, reason: `retrained after ${report.serving}` })
    const { inForce } = await desk.list()
    const changed = inForce !== undefined && releaseKey(inForce) !== report.serving
    const objections = [
      ...report.objections,
      ...(changed ? [`${releaseKey(inForce)} is in force, with which it was not compared`] : []),
    ]
    const promoted = objections.length === 0
    const { name, version } = candidate
    if (promoted) await desk.promote({ name, version }, `better than ${report.serving} on unseen people`)
    return { report: { ...report, objections }, promoted }
  })
}

function checkTogether(
  { recordings, candidate, unseen, release }: RetrainCommandOptions,
  self: Command,
): void {
  const fault =
    candidate === undefined
      ? recordings === undefined && 'give --recordings to train on, or a --candidate'
      : unseen === undefined
        ? 'give --unseen with --candidate: recordings of people that it was not trained on'
        : (recordings ?? release) !== undefined && '--recordings and --release belong to what is trained here'
  if (fault) self.error(`error: ${fault}`, { exitCode: 2 })
}

function inWords(report: RetrainReport, published: boolean, promoted: boolean): string[] {
  const { candidate, serving, trained, unseen, randomArm, objections } = report
  const lines = [
    trained.recorded + trained.annotated === 0
      ? `${candidate} was trained elsewhere`
      : `${candidate} is trained on ${trained.recorded} recorded and ${trained.annotated} annotated windows`,
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
