/** Runs a case: its topology on the test driver, step by step, and what came out compared with what should. */
import { TickerError } from '../../errors.ts'
import { type TestDriverOptions, TopologyTestDriver } from '../test-driver.ts'
import { type Built, build, isSupported } from './build.ts'
import type { Case, CaseKey, OutputRecord, Quirk, StoreEntry } from './case.ts'
import { compare, type Difference, type Level, type Outcome, type PeekedRecord } from './compare.ts'
import type { TopicTypes } from './context.ts'
import { needs } from './operators.ts'
import { readStore } from './stores.ts'
import { isWindowed, type Key, keySerde, valueSerde } from './values.ts'

/** Where a topology was refused or its run ended. */
interface Failure {
  readonly phase: 'build' | 'start' | 'run'
  /** The input step, in a run. */
  readonly at: number | undefined
  readonly message: string
}

export type Result =
  | { readonly outcome: 'passed' }
  /** What the engine lacks; it was not run. */
  | { readonly outcome: 'unsupported'; readonly operators: readonly string[] }
  | { readonly outcome: 'failed'; readonly difference: Difference }
  /** It failed where it should not, or not where it should. */
  | { readonly outcome: 'failed'; readonly expected: string; readonly actual: string }

export type AfterStep = (driver: TopologyTestDriver, at: number) => Promise<void> | undefined

export interface RunOptions {
  /** A case whose order across keys is open is compared leniently in any case. */
  readonly level: Level
  /** What is expected in place of the case's own output. */
  readonly quirk?: Quirk
  /** What happens after a step beside it: a restart, say. */
  readonly afterStep?: AfterStep
  /** Default: as the oracle ran, everything in one task, with a commit after each record. */
  readonly driver?: TestDriverOptions
}

/** @throws CaseError if the case is not of the language; whatever the engine throws that is no TickerError */
export async function runCase(each: Case, options: RunOptions): Promise<Result> {
  const missing = [...needs(each)].filter(operator => !isSupported(operator))
  if (missing.length > 0) return { outcome: 'unsupported', operators: missing }
  const { failure, ...actual } = await execute(each, options)
  const disagreement = failureDisagreement(each, failure)
  if (disagreement !== undefined) return { outcome: 'failed', ...disagreement }
  const expected: Outcome = {
    output: options.quirk?.output ?? each.output ?? {},
    peeked: each.peeked ?? {},
    stores: each.stores ?? {},
  }
  const level = each.order === 'perKey' && options.level === 'strict' ? 'lenient' : options.level
  const difference = compare(expected, actual, level)
  return difference === undefined ? { outcome: 'passed' } : { outcome: 'failed', difference }
}

/** Runs a case to its end or its failure. @throws CaseError; whatever the engine throws that is no TickerError */
export async function execute(
  each: Case,
  { driver: options, afterStep }: Pick<RunOptions, 'driver' | 'afterStep'>,
): Promise<Outcome & { readonly failure: Failure | undefined }> {
  const output: Record<string, OutputRecord[]> = {}
  const peeked: Record<string, PeekedRecord[]> = {}
  const stores: Record<string, readonly StoreEntry[]> = {}
  const outcome = { output, peeked, stores }
  let phase: Failure['phase'] = 'build'
  let at = 0
  let driver: TopologyTestDriver | undefined
  try {
    const { graph, sinks } = build(each, (log, key, value) => {
      peeked[log] ??= []
      peeked[log].push([at, caseKey(key), value])
    })
    phase = 'start'
    driver = await TopologyTestDriver.start(graph, {
      oneTask: true,
      applicationId: 'app',
      // The oracle's driver has no transactions, whose markers take offsets.
      guarantee: 'at_least_once',
      now: each.config.wallClockStartMs ?? 0,
      ...options,
    })
    phase = 'run'
    for (; at < each.input.length; at++) {
      await runStep(driver, each.input[at]!)
      await collect(driver, sinks, at, each.input[at]!, output)
      await afterStep?.(driver, at)
    }
    // What a driver that commits more rarely has left.
    await driver.commit()
    await collect(driver, sinks, at - 1, undefined, output)
    for (const name of Object.keys(each.stores ?? {})) {
      const contents = readStore(each, name, driver)
      if (contents !== undefined) stores[name] = contents
    }
    return { ...outcome, failure: undefined }
  } catch (error) {
    // A mistake in the case or a defect of the engine is no refusal.
    if (!(error instanceof TickerError)) throw error
    return {
      ...outcome,
      failure: { phase, at: phase === 'run' ? at : undefined, message: `${error.code}: ${error.message}` },
    }
  } finally {
    await driver?.close()
  }
}

async function runStep(driver: TopologyTestDriver, step: Case['input'][number]): Promise<void> {
  if ('advanceWallClockMs' in step) {
    await driver.advanceWallClock(step.advanceWallClockMs)
    // What a punctuation writes is no record taken, after which a driver would commit.
    await driver.commit()
    return
  }
  const [topic, key, value, timestamp, headers = []] = step
  const bytes = headers.map(([name, text]) => [name, Buffer.from(text)] as const)
  await driver.pipe(topic, { key, value, timestamp, headers: bytes })
}

/** Notes what the step `at` wrote. What was fed to a topic that is also written to is no output. */
async function collect(
  driver: TopologyTestDriver,
  sinks: Built['sinks'],
  at: number,
  step: Case['input'][number] | undefined,
  output: Record<string, OutputRecord[]>,
): Promise<void> {
  const fed = step === undefined || 'advanceWallClockMs' in step ? undefined : step
  for (const [topic, types] of sinks) {
    output[topic] ??= []
    const records = await driver.read(topic, topicSerdes(types))
    if (fed?.[0] === topic) {
      // Nothing was written to it between the last step and this record, so the first one like it is it.
      const isFed = (record: (typeof records)[number]): boolean =>
        record.key === fed[1] && record.value === fed[2] && record.timestamp === fed[3]
      records.splice(records.findIndex(isFed), 1)
    }
    for (const record of records) {
      const { value, timestamp } = record
      const headers = record.headers.map(([name, bytes]): [string, string] => [name, `${bytes ?? ''}`])
      const key = caseKey(record.key)
      output[topic].push(
        headers.length > 0 ? [at, key, value, timestamp, headers] : [at, key, value, timestamp],
      )
    }
  }
}

function topicSerdes({ key, value }: TopicTypes) {
  return { key: keySerde(key), value: valueSerde(value) }
}

function caseKey(key: Key): CaseKey {
  return isWindowed(key) ? [key.key, key.start, key.end] : key
}

/** What was to fail and what failed, if they are not the same; a topology may be refused earlier than at its start. */
function failureDisagreement(
  { fails }: Case,
  failure: Failure | undefined,
): { expected: string; actual: string } | undefined {
  const agrees =
    fails === undefined
      ? failure === undefined
      : fails.phase === 'start'
        ? failure?.phase === 'build' || failure?.phase === 'start'
        : failure?.phase === fails.phase && failure.at === fails.at
  if (agrees) return undefined
  const place = (where: { phase: string; at?: number | undefined }): string =>
    where.at === undefined ? `a failure at ${where.phase}` : `a failure at step ${where.at}`
  return {
    expected: fails === undefined ? 'no failure' : `${place(fails)} (${fails.javaMessage})`,
    actual: failure === undefined ? 'no failure' : `${place(failure)} (${failure.message})`,
  }
}
