/** `tickerwatch evaluate`: how well a release does on labelled recordings, streamed through the topology that serves. */
import { type Command, InvalidArgumentError } from 'commander'
import type { Evaluation } from '../processors/evaluation/evaluate.ts'
import type { UnpublishedRelease } from '../processors/models/release.ts'
import { whileItTakesLong } from './progress.ts'
import { stopSignal } from './stop-signal.ts'
import { columns } from './table.ts'

interface EvaluateOptions {
  readonly recordings: string
  readonly model: string
  readonly classes?: readonly string[]
  readonly timezone?: string
  readonly json?: boolean
}

export function define(command: Command): void {
  command
    .description(
      'Stream labelled recordings through the topology and compare what the release says with their labels.',
    )
    .requiredOption('--recordings <dir>', 'labelled recordings in the CASAS file format')
    .option(
      '--model <name[@version]>',
      'a shipped release (the newest if without a version), or a release file',
      'watch',
    )
    .option('--classes <a,b,…>', 'keep the windows with these labels, and choose between these only', classes)
    .option('--timezone <zone>', 'IANA zone of the recordings’ stamps (default: UTC)')
    .option('--json', 'print one line of JSON')
    .action(printEvaluation)
}

async function printEvaluation({
  recordings,
  model,
  classes,
  timezone,
  json,
}: EvaluateOptions): Promise<void> {
  const { default: pino } = await import('pino')
  const { evaluate } = await import('../processors/evaluation/evaluate.ts')
  const { openRecordings } = await import('../processors/recordings/reader.ts')
  const { systemTimers } = await import('../topology/index.ts')
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  const release = await releaseOf(model)
  const opened = await openRecordings(recordings, {
    now: Date.now,
    ...(timezone !== undefined && { timeZone: timezone }),
  })
  say(`${release.name} ${release.version} on ${opened.devices.length} recordings of ${recordings}`)
  let done = { readings: 0, predictions: 0 }
  const stop = whileItTakesLong(() => `${done.readings} readings, ${done.predictions} windows predicted`)
  const evaluation = await evaluate({
    release,
    recordings: opened,
    classes,
    timers: systemTimers,
    logger: pino({ level: 'error' }, pino.destination(2)),
    signal: stopSignal(),
    onProgress: progress => {
      done = progress
    },
  }).finally(stop)
  for (const line of omissions(evaluation)) say(line)
  if (json) console.log(JSON.stringify(evaluation))
  else for (const line of inWords(evaluation)) console.log(line)
}

/** A shipped release by name, or what a path leads to. */
async function releaseOf(model: string): Promise<UnpublishedRelease> {
  if (/[/\\]|\.json$/.test(model)) {
    const { readRelease } = await import('../processors/models/release.ts')
    return await readRelease(model)
  }
  const { shippedRelease } = await import('../processors/models/shipped.ts')
  const [name = '', version] = model.split('@')
  return await shippedRelease(name, version)
}

/** What was not scored, and why. */
function omissions({ leftOut, malformedRows }: Evaluation): string[] {
  const { mixed, unlabelled, otherLabels } = leftOut
  const others = Object.entries(otherLabels)
  const lines = [
    malformedRows > 0 && `${malformedRows} rows are no readings and were left out.`,
    unlabelled > 0 && `${unlabelled} windows were left out because they have no label.`,
    mixed > 0 && `${mixed} windows were left out because their readings do not share one label.`,
    others.length > 0 &&
      `${others.reduce((all, [, windows]) => all + windows, 0)} windows were left out because their label is none of the classes: ${others.map(([label, windows]) => `${label} ${windows}`).join(', ')}.`,
  ]
  return lines.filter(line => line !== false)
}

function inWords(evaluation: Evaluation): string[] {
  const { perClass, windows, accuracy, macroF1, calibrationError } = evaluation
  const { routedShare, routedAccuracy, acceptedAccuracy } = evaluation
  return [
    ...columns([
      ['CLASS', 'WINDOWS', 'PRECISION', 'RECALL', 'F1'],
      ...Object.entries(perClass).map(([label, { windows: own, precision, recall, f1 }]) => [
        label,
        String(own),
        share(precision),
        share(recall),
        share(f1),
      ]),
    ]),
    '',
    ...columns([
      ['windows', String(windows)],
      ['accuracy', share(accuracy)],
      ['macro-F1', share(macroF1)],
      ['calibration error', share(calibrationError)],
      ['asked of a person', share(routedShare)],
      ['accuracy of those', share(routedAccuracy)],
      ['accuracy of the rest', share(acceptedAccuracy)],
    ]),
  ]
}

function share(value: number | null): string {
  return value === null ? '-' : value.toFixed(3)
}

function classes(text: string): string[] {
  const labels = text.split(',').map(label => label.trim())
  if (labels.length < 2 || labels.includes('') || new Set(labels).size < labels.length)
    throw new InvalidArgumentError('Give at least two different labels, such as walking,sitting.')
  return labels
}
