/** Runs one node of the activity job until it is told to stop, its time is over, or its recordings end. */
import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import pino from 'pino'
import { openStore } from '../../lake/open-store.ts'
import { type ActivityJob, startActivityJob } from '../../processors/activity-job.ts'
import { auditTrail } from '../../processors/audit.ts'
import { deadLetterDesk, valueDecoder } from '../../processors/dead-letter-desk.ts'
import { FeatureStoreWriter } from '../../processors/feature-store/feature-store.ts'
import { logDesk } from '../../processors/log-desk/log-desk.ts'
import { shippedReleases } from '../../processors/models/shipped.ts'
import { trustedSources } from '../../processors/models/trusted-sources.ts'
import { defaultPolicy } from '../../processors/routing/routing.ts'
import { applicationId, topics } from '../../processors/topics.ts'
import { anyRecords, avroSerdes, SensorReading } from '../../schemas/index.ts'
import { isLoopback } from '../../service/door.ts'
import { type Credential, roles } from '../../service/roles.ts'
import { startService } from '../../service/server.ts'
import { systemTimers } from '../../topology/index.ts'
import { removeNodeFile, writeNodeFile } from '../node-file.ts'
import { stopSignal } from '../stop-signal.ts'
import { openArchive } from './archive.ts'
import { openObserver } from './observer.ts'
import { endpointOf, type RunOptions } from './options.ts'
import { openParts } from './parts.ts'
import { reportOf, summary } from './report.ts'
import { statusSource } from './service-status.ts'
import { openSource, type Source } from './source.ts'

/** Milliseconds without progress after which the end does not wait for the rest. */
const PATIENCE = 30_000

/** Says something to the person at the terminal. */
const say = (line: string): void => void process.stderr.write(`${line}\n`)

export async function run(options: RunOptions): Promise<void> {
  // What was opened is closed in reverse order, whatever happens.
  const closers: (() => Promise<void>)[] = []
  try {
    await runNode(options, close => closers.push(close))
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

async function runNode(options: RunOptions, closeLater: (close: () => Promise<void>) => void): Promise<void> {
  const stop = stopSignal()
  const timers = systemTimers
  const logger = pino({ level: options.logLevel }, pino.destination(2))
  const source = await openSource(options)
  const emr = options.emrConfig === undefined ? undefined : await openObserver(options.emrConfig, timers.now)
  if (emr !== undefined) closeLater(() => emr.close())
  const clientId = `${applicationId}-${instanceOf(options)}`
  const parts = await openParts(options, clientId)
  closeLater(() => parts.close())
  const { log, sql, state } = parts
  const { guarantee } = options
  const startedAt = timers.now()

  const avro = avroSerdes(parts.registry)
  const readings = avro.value(topics.readings, SensorReading)
  const job = await startActivityJob({
    log,
    sql,
    avro,
    state,
    guarantee,
    standbyReplicas: options.standbyReplicas,
    replicationFactor: options.replicationFactor,
    endpoint: endpointOf(options),
    model: options.model,
    routing: { ...defaultPolicy, requestsPerHour: options.annotationsPerHour },
    trusted: await trustedSources(options.trustedKeys),
    threads:
      options.threads > 1
        ? { module: new URL('thread.ts', import.meta.url), data: options, threads: options.threads }
        : undefined,
    clientId,
    partitions: options.partitions,
    logger,
    timers,
  })

  closeLater(() => job.close())

  const features = new FeatureStoreWriter({
    store: await openStore(options.featureStore ?? join(options.state, 'feature-store')),
    log,
    avro,
    clientId: `${clientId}-feature-store`,
    timers,
    logger,
  })
  await features.start()
  closeLater(() => features.stop())

  const archive =
    options.archive === undefined
      ? undefined
      : await openArchive(options.archive, options, {
          log,
          clientId: `${clientId}-archive`,
          readings,
          timers,
          logger,
        })
  if (archive !== undefined) closeLater(() => archive.close())

  const audit = auditTrail({ log, avro, clientId: `${clientId}-audit`, now: timers.now })
  const given = credentialsOf(options)
  await audit.record({
    action: 'roles',
    subject: given.map(({ role, name }) => `${role} ${name}`).join(', ') || 'the node’s own only',
    ...{ role: 'operator', who: clientId, address: null },
    ...{ outcome: 'done', reason: null, code: null },
  })
  const [token, annotatorToken] = [newToken(), newToken()]
  if (!isLoopback(options.host) && options.viewerTokens.length === 0)
    logger.warn(
      `whoever reaches ${options.host} can read the console: give TICKERWATCH_VIEWER_TOKENS, or let a proxy ask who they are`,
    )
  const service = await startService({
    port: options.port,
    host: options.host,
    source: statusSource({
      job,
      features,
      archive,
      startedAt,
      guarantee,
      log: log.description,
      sql: sql.description,
    }),
    releases: job.releases,
    replay: release => job.replay(release),
    deadLetters: deadLetterDesk({
      log,
      applicationId,
      clientId: `${clientId}-dead-letters`,
      decode: valueDecoder(avro),
      now: timers.now,
    }),
    annotations: job.annotation,
    emr,
    log: logDesk({
      log,
      decode: anyRecords(parts.registry, timers.now),
      clientId: `${clientId}-console`,
      timers,
    }),
    subjects: parts.registry,
    audit,
    queries: job.queries,
    token,
    credentials: [...given, { role: 'annotator', name: 'tickerwatch annotate', token: annotatorToken }],
    // By that other nodes ask this one's stores.
    names: [options.advertise ?? []].flat().map(endpoint => endpoint.replace(/:\d+$/, '')),
    logger,
  })
  closeLater(() => service.close())
  await writeNodeFile(options.state, { url: service.url, token, annotatorToken, pid: process.pid })
  closeLater(() => removeNodeFile(options.state, process.pid))
  introduce(options, source, service.url, parts, job)

  const began = timers.now()
  await untilOver(options, { job, source, stop })
  const seconds = (timers.now() - began) / 1000
  say('Stopping: no more readings are taken; what was taken is finished.')
  const status = await job.finish(PATIENCE)
  const report = reportOf(status, seconds)
  if (options.report !== undefined) await writeFile(options.report, `${JSON.stringify(report, null, 2)}\n`)
  say(summary(report))
}

/** Until the source is over, the time is, or a signal came; rejects when the job cannot go on. */
async function untilOver(
  options: RunOptions,
  { job, source, stop }: { job: ActivityJob; source: Source; stop: AbortSignal },
): Promise<void> {
  const over = new AbortController()
  const end = (): void => over.abort()
  stop.addEventListener('abort', end)
  if (stop.aborted) end()
  const cancels: (() => void)[] = []
  if (options.for !== undefined) cancels.push(systemTimers.after(options.for, end))
  let published: Promise<void> = Promise.resolve()
  if (options.publishAfter !== undefined) {
    const publish = (): void => {
      published = publishSecond(options.model, job)
    }
    cancels.push(systemTimers.after(options.publishAfter, publish))
  }
  const progress = setInterval(() => say(progressLine(job)), 5000)
  try {
    await Promise.race([job.ingest(source.events(), over.signal), job.failed])
    await published
  } finally {
    clearInterval(progress)
    for (const cancel of cancels) cancel()
  }
}

/** The second release shipped, promoted. */
async function publishSecond(model: string, job: ActivityJob): Promise<void> {
  const [, second] = await shippedReleases(model)
  if (second !== undefined)
    await job.releases.publish(second, {
      promote: true,
      reason: 'the second one shipped, by --publish-after',
    })
}

function modelInWords({ models }: ActivityJob): string {
  const { name, version } = models.inForce()
  const macroF1 = models.releases().known.find(release => release.version === version)?.metrics.macroF1
  return `${name} ${version}${macroF1 === undefined ? '' : `, macro-F1 ${macroF1.toFixed(2)} on people it was not trained on`}`
}

function progressLine(job: ActivityJob): string {
  const { ingest, node, predictions, lag } = job.status()
  const waiting = lag.reduce((sum, each) => sum + each.lag, 0)
  return `  ${ingest.readings} readings, ${node.windowsClosed} windows, ${predictions.predictions} predictions, lag ${waiting}`
}

function introduce(
  options: RunOptions,
  source: Source,
  url: string,
  parts: { log: { description: string; durable: boolean }; sql: { description: string } },
  job: ActivityJob,
): void {
  const log = parts.log.durable
    ? parts.log.description
    : 'in memory: its records live as long as this process'
  say(`Ticker Watch
  readings   ${source.description}
  log        ${log}
  guarantee  ${options.guarantee.replaceAll('_', ' ')}
  SQL        ${parts.sql.description}
  model      ${modelInWords(job)}
  console    ${url}
  Ctrl-C stops and prints a summary.${options.for === undefined ? '' : ` Ends by itself after ${options.for / 1000} s.`}`)
}

/** A token of 192 random bits. */
function newToken(): string {
  return randomBytes(24).toString('base64url')
}

function credentialsOf({ viewerTokens, annotatorTokens, operatorTokens }: RunOptions): readonly Credential[] {
  const given = { viewer: viewerTokens, annotator: annotatorTokens, operator: operatorTokens }
  return roles.flatMap(role => given[role].map(each => ({ role, ...each })))
}

/** The same for a node that is started again, another one for each node: by machine and state directory. */
function instanceOf({ state }: RunOptions): string {
  return createHash('sha256')
    .update(`${hostname()} ${resolve(state)}`)
    .digest('hex')
    .slice(0, 12)
}
