/**
 * How right releases were on the windows that people labelled: per class, over event time, and whether their probabilities
 * can be believed. Windows drawn at random are measured apart from those that people were asked about because the release
 * was unsure of them: only the former tell how right it is on the whole.
 */
import type { Annotation } from '../../schemas/index.ts'

/** Of a reliability diagram: as many, and as wide, as training and `tickerwatch evaluate` have. */
const BINS = 15
/** Hours or days told, the last ones. */
const PERIODS = 1000
/** Of the standard normal distribution: 95 % lie within. */
const Z = 1.959964

const lengths = { hour: 3_600_000, day: 86_400_000 } as const
export type Period = keyof typeof lengths

export type LabelledWindow = Pick<
  Annotation,
  'predicted' | 'confidence' | 'arm' | 'modelName' | 'modelVersion' | 'windowStart'
> & { readonly label: string }

export interface AccuracyQuestion {
  /** Only what it scored; all releases if not given. */
  readonly release?: { readonly name: string; readonly version: string } | undefined
  readonly by: Period
}

export interface AccuracyReport {
  /** All that scored a window with a label, with the numbers of these. */
  readonly releases: readonly {
    readonly name: string
    readonly version: string
    readonly randomArm: number
    readonly queried: number
  }[]
  /** Drawn at random: without bias. */
  readonly randomArm: ArmAccuracy
  /** Asked about because the release was unsure: the difficult ones, so it looks worse here than it is. */
  readonly queried: ArmAccuracy
}

export interface ArmAccuracy {
  /** With a label. */
  readonly windows: number
  /** Of these, predicted as they were labelled. */
  readonly right: number
  /** In which the accuracy lies with 95 % confidence (Wilson's interval); null without windows. */
  readonly interval: { readonly low: number; readonly high: number } | null
  /** Mean of the F1 of all classes that occur or were predicted. */
  readonly macroF1: number | null
  /** The one most often named first. */
  readonly classes: readonly ClassAccuracy[]
  /** Pairs that occur. */
  readonly confusion: readonly Confusion[]
  readonly calibration: Calibration
  /** By event time, ascending; the last 1000 periods in which something was labelled. */
  readonly overTime: readonly { readonly start: number; readonly windows: number; readonly right: number }[]
}

/** What has no windows to be measured on is null. */
export interface ClassAccuracy {
  readonly label: string
  /** Windows that people gave this label. */
  readonly support: number
  /** Windows that the release gave it. */
  readonly predicted: number
  readonly right: number
  readonly precision: number | null
  readonly recall: number | null
  readonly f1: number | null
}

export interface Confusion {
  readonly label: string
  readonly predicted: string
  readonly windows: number
}

export interface Calibration {
  /** Whose probability was kept. */
  readonly windows: number
  /** Expected calibration error; null without windows. */
  readonly error: number | null
  readonly bins: readonly CalibrationBin[]
}

export interface CalibrationBin {
  readonly from: number
  /** Exclusive, but for 1. */
  readonly to: number
  readonly windows: number
  readonly right: number
  /** Mean of the predicted probabilities. */
  readonly confidence: number | null
}

export function measureAccuracy(
  windows: Iterable<LabelledWindow>,
  { release, by }: AccuracyQuestion,
): AccuracyReport {
  const releases = new Map<string, { name: string; version: string; randomArm: number; queried: number }>()
  const arms = { randomArm: new Arm(lengths[by]), queried: new Arm(lengths[by]) }
  for (const window of windows) {
    const { modelName: name, modelVersion: version } = window
    const key = `${name}@${version}`
    const counts = releases.get(key) ?? { name, version, randomArm: 0, queried: 0 }
    releases.set(key, counts)
    const arm = window.arm === 'random' ? 'randomArm' : 'queried'
    counts[arm]++
    if (release === undefined || (release.name === name && release.version === version)) arms[arm].add(window)
  }
  return {
    releases: [...releases.values()],
    randomArm: arms.randomArm.measured(),
    queried: arms.queried.measured(),
  }
}

class Arm {
  readonly #period: number
  #windows = 0
  #right = 0
  readonly #pairs = new Map<string, Map<string, number>>()
  readonly #periods = new Map<number, { start: number; windows: number; right: number }>()
  readonly #bins = Array.from({ length: BINS }, () => ({ windows: 0, right: 0, sum: 0 }))

  constructor(period: number) {
    this.#period = period
  }

  add({ label, predicted, confidence, windowStart }: LabelledWindow): void {
    const right = label === predicted ? 1 : 0
    this.#windows++
    this.#right += right
    const row = this.#pairs.get(label) ?? new Map<string, number>()
    this.#pairs.set(label, row)
    row.set(predicted, (row.get(predicted) ?? 0) + 1)
    const start = Math.floor(windowStart / this.#period) * this.#period
    const period = this.#periods.get(start) ?? { start, windows: 0, right: 0 }
    this.#periods.set(start, period)
    period.windows++
    period.right += right
    const bin =
      confidence === null ? undefined : this.#bins[Math.min(Math.floor(confidence * BINS), BINS - 1)]
    if (bin === undefined || confidence === null) return
    bin.windows++
    bin.right += right
    bin.sum += confidence
  }

  measured(): ArmAccuracy {
    const classes = this.#classes()
    return {
      windows: this.#windows,
      right: this.#right,
      interval: wilson(this.#right, this.#windows),
      macroF1: mean(classes.flatMap(({ f1 }) => f1 ?? [])),
      classes,
      confusion: [...this.#pairs].flatMap(([label, row]) =>
        [...row].map(([predicted, windows]) => ({ label, predicted, windows })),
      ),
      calibration: this.#calibration(),
      overTime: [...this.#periods.values()].sort((a, b) => a.start - b.start).slice(-PERIODS),
    }
  }

  #classes(): ClassAccuracy[] {
    const predictions = new Map<string, number>()
    for (const row of this.#pairs.values())
      for (const [predicted, n] of row) predictions.set(predicted, (predictions.get(predicted) ?? 0) + n)
    return [...new Set([...this.#pairs.keys(), ...predictions.keys()])]
      .map(label => {
        const row = this.#pairs.get(label)
        const support = row === undefined ? 0 : sum([...row.values()])
        const predicted = predictions.get(label) ?? 0
        const right = row?.get(label) ?? 0
        return {
          ...{ label, support, predicted, right },
          precision: ratio(right, predicted),
          recall: ratio(right, support),
          f1: ratio(2 * right, support + predicted),
        }
      })
      .sort((a, b) => b.support - a.support || (a.label < b.label ? -1 : 1))
  }

  #calibration(): Calibration {
    const windows = sum(this.#bins.map(bin => bin.windows))
    return {
      windows,
      error: ratio(sum(this.#bins.map(bin => Math.abs(bin.right - bin.sum))), windows),
      bins: this.#bins.map((bin, i) => ({
        from: i / BINS,
        to: (i + 1) / BINS,
        windows: bin.windows,
        right: bin.right,
        confidence: ratio(bin.sum, bin.windows),
      })),
    }
  }
}

/** Wilson, Probable Inference, JASA 22 (1927): unlike the normal approximation it holds for few windows too. */
function wilson(right: number, windows: number): ArmAccuracy['interval'] {
  if (windows === 0) return null
  const share = right / windows
  const centre = share + (Z * Z) / (2 * windows)
  const spread = Z * Math.sqrt((share * (1 - share)) / windows + (Z * Z) / (4 * windows * windows))
  const scale = 1 + (Z * Z) / windows
  return { low: Math.max(0, (centre - spread) / scale), high: Math.min(1, (centre + spread) / scale) }
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole
}

function mean(numbers: readonly number[]): number | null {
  return ratio(sum(numbers), numbers.length)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
