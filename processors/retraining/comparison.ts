/** Whether a candidate is better than the release that serves: on the same people, whom neither was trained on. */
import { seeded } from '../generator/random.ts'

/** Resamples of the bootstrap, and the share of them that must lie above the margin. */
const RESAMPLES = 2000
const CONFIDENCE = 0.95
/** Labelled windows of the random arm below which they decide nothing. */
const LEAST_RANDOM = 30

/** A window that was labelled, and what each release takes it for. */
export interface ComparedWindow {
  readonly person: string
  readonly label: string
  readonly candidate: string
  readonly serving: string
}

export interface Comparison {
  readonly people: number
  readonly windows: number
  /** Mean over people of each one's macro-F1. */
  readonly candidate: number
  readonly serving: number
  readonly difference: number
  /** The difference is greater than this with 95 % confidence: percentile bootstrap over people (Efron 1979). */
  readonly lowerBound: number
}

/** @param seed of the resampling; the same gives the same bound */
export function compare(windows: readonly ComparedWindow[], seed: number): Comparison {
  const people = new Map<string, ComparedWindow[]>()
  for (const window of windows) {
    const own = people.get(window.person) ?? []
    people.set(window.person, own)
    own.push(window)
  }
  const scores = [...people.values()].map(own => ({
    windows: own.length,
    candidate: macroF1(own.map(({ label, candidate }) => [label, candidate])),
    serving: macroF1(own.map(({ label, serving }) => [label, serving])),
  }))
  return compareScores(scores, seed)
}

/** Of a person: windows, and the macro-F1 of each release on them. */
export interface PersonScores {
  readonly windows: number
  readonly candidate: number
  readonly serving: number
}

/** @param seed of the resampling; the same gives the same bound */
export function compareScores(scores: readonly PersonScores[], seed: number): Comparison {
  const differences = scores.map(({ candidate, serving }) => candidate - serving)
  const random = seeded(seed, 0)
  const means = Array.from({ length: RESAMPLES }, () =>
    mean(differences.map(() => differences[Math.floor(random() * differences.length)]!)),
  ).sort((a, b) => a - b)
  return {
    people: scores.length,
    windows: scores.reduce((sum, { windows }) => sum + windows, 0),
    candidate: mean(scores.map(({ candidate }) => candidate)),
    serving: mean(scores.map(({ serving }) => serving)),
    difference: mean(differences),
    lowerBound: means[Math.floor((1 - CONFIDENCE) * RESAMPLES)]!,
  }
}

/** Accuracies on windows that were drawn at random and labelled. */
export interface RandomArm {
  readonly windows: number
  readonly candidate: number | null
  readonly serving: number | null
}

export function compareRandomArm(windows: readonly Omit<ComparedWindow, 'person'>[]): RandomArm {
  const share = (release: 'candidate' | 'serving'): number | null =>
    windows.length === 0 ? null : mean(windows.map(each => Number(each[release] === each.label)))
  return { windows: windows.length, candidate: share('candidate'), serving: share('serving') }
}

/** Why the candidate is not promoted; empty if it is better. @param margin by which its macro-F1 must be greater, surely */
export function objections(comparison: Comparison, random: RandomArm, margin: number): string[] {
  const { lowerBound, difference, people } = comparison
  const found: string[] = []
  if (people < 3) found.push(`it was compared on ${people} people, and at least 3 are needed`)
  if (!(lowerBound > margin)) {
    const bound = `its lower bound, ${lowerBound.toFixed(4)}, is not above ${margin}`
    found.push(
      `its macro-F1 on unseen people differs by ${difference.toFixed(4)}, and with 95 % confidence ${bound}`,
    )
  }
  const { windows, candidate, serving } = random
  if (windows >= LEAST_RANDOM && candidate !== null && serving !== null && candidate < serving) {
    const shares = `${candidate.toFixed(3)} instead of ${serving.toFixed(3)}`
    found.push(`on the ${windows} labelled windows of the random arm it is less accurate: ${shares}`)
  }
  return found
}

/** Over the labels that occur as truth. */
function macroF1(pairs: readonly (readonly [truth: string, predicted: string])[]): number {
  const labels = [...new Set(pairs.map(([truth]) => truth))]
  const f1s = labels.map(label => {
    const hits = pairs.filter(([truth, predicted]) => truth === label && predicted === label).length
    const named = pairs.filter(([, predicted]) => predicted === label).length
    const there = pairs.filter(([truth]) => truth === label).length
    return (2 * hits) / (named + there)
  })
  return mean(f1s)
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length
}
