/**
 * What people said of each window: of several annotations the one made last holds, and at the same millisecond the one
 * written last. From it: how far annotation has come, and how accurate the model is on the windows drawn at random.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Annotation } from '../../schemas/index.ts'
import {
  type AccuracyQuestion,
  type AccuracyReport,
  type LabelledWindow,
  measureAccuracy,
} from './accuracy.ts'

export interface AnnotationCounts {
  /** Windows with a label. */
  readonly labelled: number
  /** Windows that could not be recognised. */
  readonly cannotTell: number
  /** Of both, by who said so. */
  readonly byAnnotator: Readonly<Record<string, number>>
  /** Labelled, by label. */
  readonly byLabel: Readonly<Record<string, number>>
}

/** Of one release, on windows of the random arm that were labelled. */
export interface LiveAccuracy {
  readonly version: string
  readonly windows: number
  /** Of these, predicted as they were labelled. */
  readonly right: number
  /** By the label that people gave. */
  readonly perClass: Readonly<Record<string, { readonly windows: number; readonly right: number }>>
}

/** Reports that are kept until something else is said. */
const REPORTS = 50

/** Some 700 bytes a window that somebody looked at. */
type Kept = Pick<
  Annotation,
  | 'verdict'
  | 'label'
  | 'predicted'
  | 'confidence'
  | 'annotator'
  | 'arm'
  | 'modelName'
  | 'modelVersion'
  | 'windowStart'
  | 'annotatedAt'
>

function isLabelled(window: Kept): window is Kept & { readonly label: string } {
  return window.label !== null
}

export function windowId({ deviceId, windowStart }: Pick<Annotation, 'deviceId' | 'windowStart'>): string {
  return `${windowStart} ${deviceId}`
}

export class LatestAnnotations {
  readonly #latest = new Map<string, Kept>()
  #counts: AnnotationCounts | undefined
  #accuracy: readonly LiveAccuracy[] | undefined
  /** By question: pages ask again and again, and most often nothing was said since. */
  readonly #reports = new Map<string, AccuracyReport>()

  /** False if it changes nothing: it was taken before, or a later one was. */
  take(annotation: Annotation): boolean {
    const id = windowId(annotation)
    const { verdict, label, predicted, confidence, annotator, arm, annotatedAt } = annotation
    const { modelName, modelVersion, windowStart } = annotation
    const before = this.#latest.get(id)
    if (before !== undefined && before.annotatedAt > annotatedAt) return false
    const after = {
      ...{ verdict, label, predicted, confidence, annotator, arm, annotatedAt },
      ...{ modelName, modelVersion, windowStart },
    }
    if (isDeepStrictEqual(before, after)) return false
    this.#latest.set(id, after)
    this.#counts = undefined
    this.#accuracy = undefined
    this.#reports.clear()
    return true
  }

  /** Whether somebody said something of the window that holds. */
  has(id: string): boolean {
    const verdict = this.#latest.get(id)?.verdict
    return verdict !== undefined && verdict !== 'withdrawn'
  }

  /** How right releases were on the windows with a label that holds. */
  report(question: AccuracyQuestion): AccuracyReport {
    const key = JSON.stringify(question)
    const report = this.#reports.get(key) ?? measureAccuracy(this.#labelled(), question)
    if (this.#reports.size >= REPORTS) this.#reports.clear()
    this.#reports.set(key, report)
    return report
  }

  counts(): AnnotationCounts {
    this.#counts ??= this.#count()
    return this.#counts
  }

  /** By version, in the order in which they were first seen. */
  accuracy(): readonly LiveAccuracy[] {
    this.#accuracy ??= this.#measure()
    return this.#accuracy
  }

  *#labelled(): Iterable<LabelledWindow> {
    for (const window of this.#latest.values()) if (isLabelled(window)) yield window
  }

  #count(): AnnotationCounts {
    const byAnnotator = new Map<string, number>()
    const byLabel = new Map<string, number>()
    let [labelled, cannotTell] = [0, 0]
    for (const { verdict, label, annotator } of this.#latest.values()) {
      if (verdict === 'withdrawn') continue
      byAnnotator.set(annotator, (byAnnotator.get(annotator) ?? 0) + 1)
      if (verdict === 'cannotTell') cannotTell++
      if (label === null) continue
      labelled++
      byLabel.set(label, (byLabel.get(label) ?? 0) + 1)
    }
    return {
      labelled,
      cannotTell,
      byAnnotator: Object.fromEntries(byAnnotator),
      byLabel: Object.fromEntries(byLabel),
    }
  }

  #measure(): readonly LiveAccuracy[] {
    const versions = new Map<string, Map<string, { windows: number; right: number }>>()
    for (const { arm, label, predicted, modelVersion } of this.#latest.values()) {
      if (arm !== 'random' || label === null) continue
      const classes = versions.get(modelVersion) ?? new Map<string, { windows: number; right: number }>()
      versions.set(modelVersion, classes)
      const counts = classes.get(label) ?? { windows: 0, right: 0 }
      classes.set(label, counts)
      counts.windows++
      if (label === predicted) counts.right++
    }
    return [...versions].map(([version, classes]) => ({
      version,
      windows: sum([...classes.values()].map(({ windows }) => windows)),
      right: sum([...classes.values()].map(({ right }) => right)),
      perClass: Object.fromEntries(classes),
    }))
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
