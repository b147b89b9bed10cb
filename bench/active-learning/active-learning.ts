/**
 * How many labels a model needs when people are asked by the annotation queue, and when windows are labelled at random. A model
 * that knows two people meets the others; each round ten of their windows are labelled (by the labels of the recordings), and it
 * is trained anew, until its macro-F1 on people that nobody labels reaches the goal.
 */
import { AnnotationQueue, type QueuedWindow } from '../../processors/annotation/annotation-queue.ts'
import { Tally } from '../../processors/evaluation/tally.ts'
import { type LabelledWindow, labelledWindows } from '../../processors/retraining/labelled-windows.ts'
import { environment } from '../../test/programs.ts'
import { mulberry32 } from '../../topology/testing/mulberry32.ts'
import { type Learner, startLearner } from './learner.ts'

/** Labels of a round. */
const BATCH = 10
/** Of the people, in the order of their names: so many are tested on, and so many known from the start. */
const TESTED = 6
const KNOWN = 2

export interface ActiveLearningOptions {
  /** A directory in the CASAS file format. */
  readonly recordings: string
  readonly seeds: number
  /** The first of them; the others follow. */
  readonly first: number
  /** The macro-F1 that is to be reached. */
  readonly goal: number
  /** Labels after which it is given up. */
  readonly limit: number
  readonly json: boolean
  readonly signal: AbortSignal
}

/** Labels needed with each seed; the limit and a batch more where the goal was not reached. */
interface Needed {
  readonly queue: number[]
  readonly random: number[]
}

export async function activeLearning(options: ActiveLearningOptions): Promise<void> {
  const { recordings, seeds, first, goal, json, signal } = options
  const windows = await labelledWindows(recordings)
  const people = [...new Set(windows.map(({ deviceId }) => deviceId))].sort()
  if (people.length < TESTED + KNOWN + 1)
    throw new Error(`${recordings} holds ${people.length} people, and ${TESTED + KNOWN + 1} are needed`)
  const learner = startLearner(
    process.env.PYSPARK_PYTHON ?? (await environment('spark-jobs')),
    windows.map(({ features }) => features),
  )
  const needed: Needed = { queue: [], random: [] }
  try {
    const data = { windows, tested: people.slice(0, TESTED), others: people.slice(TESTED) }
    const ceiling = await macroF1OfAll(learner, data)
    console.log(`${windows.length} windows of ${people.length} people; tested on ${data.tested.join(', ')}`)
    console.log(`macro-F1 with every window of the others labelled: ${ceiling.toFixed(3)}; goal ${goal}`)
    for (let seed = first; seed < first + seeds; seed++) {
      for (const way of ['random', 'queue'] as const) {
        const { labels, scores } = await labelsNeeded(learner, data, way, { ...options, seed })
        signal.throwIfAborted()
        needed[way].push(labels)
        const from = `macro-F1 ${scores[0]!.toFixed(3)} → ${scores.at(-1)!.toFixed(3)}`
        console.log(`seed ${seed}  ${way.padEnd(7)} ${String(labels).padStart(4)} labels  ${from}`)
      }
    }
    const [queue, random] = [median(needed.queue), median(needed.random)]
    const ratio = Number((queue / random).toPrecision(3))
    console.log(`median: ${queue} labels by the queue, ${random} at random: ${ratio} ×`)
    if (json) {
      const { limit } = options
      console.log(
        JSON.stringify({
          benchmark: 'active-learning',
          goal,
          limit,
          ceiling,
          seeds,
          queue,
          random,
          ratio,
          needed,
        }),
      )
    }
  } finally {
    learner.close()
  }
}

interface Data {
  readonly windows: readonly LabelledWindow[]
  readonly tested: readonly string[]
  readonly others: readonly string[]
}

async function labelsNeeded(
  learner: Learner,
  { windows, tested, others }: Data,
  way: 'queue' | 'random',
  { seed, goal, limit, signal }: Pick<ActiveLearningOptions, 'goal' | 'limit' | 'signal'> & { seed: number },
): Promise<{ labels: number; scores: readonly number[] }> {
  const random = mulberry32(seed)
  const known = shuffled(others, random).slice(0, KNOWN)
  const rowsOf = (people: readonly string[]): number[] =>
    windows.flatMap(({ deviceId }, row) => (people.includes(deviceId) ? row : []))
  const test = rowsOf(tested)
  const pool = new Set(rowsOf(others.filter(person => !known.includes(person))))
  const train = rowsOf(known)
  const drawn = shuffled([...pool], random)
  const queue = new AnnotationQueue<QueuedWindow>(pool.size)
  const classes = [...new Set(windows.map(({ label }) => label))].sort()
  const scores: number[] = []
  for (let labels = 0; ; labels += BATCH) {
    const waiting = [...pool]
    const answer = await learner.fitAndScore({
      train,
      classes: train.map(row => classes.indexOf(windows[row]!.label)),
      score: [...test, ...waiting],
      seed,
    })
    scores.push(macroF1(test, answer.classes, windows, classes))
    if (scores.at(-1)! >= goal) return { labels, scores }
    if (labels + BATCH > limit || signal.aborted) return { labels: limit + BATCH, scores }
    for (const [i, row] of waiting.entries()) {
      const margin = answer.margins[test.length + i]!
      queue.add({ id: String(row), deviceId: windows[row]!.deviceId, margin })
    }
    for (let asked = 0; asked < BATCH; asked++) {
      const id = way === 'queue' ? queue.next()?.id : String(drawn.pop())
      if (id === undefined) throw new Error('no window is left to label')
      queue.remove(id)
      pool.delete(Number(id))
      train.push(Number(id))
    }
  }
}

async function macroF1OfAll(learner: Learner, { windows, tested }: Data): Promise<number> {
  const classes = [...new Set(windows.map(({ label }) => label))].sort()
  const rows = windows.map((_, row) => row)
  const test = rows.filter(row => tested.includes(windows[row]!.deviceId))
  const train = rows.filter(row => !tested.includes(windows[row]!.deviceId))
  const answer = await learner.fitAndScore({
    train,
    classes: train.map(row => classes.indexOf(windows[row]!.label)),
    score: test,
    seed: 1,
  })
  return macroF1(test, answer.classes, windows, classes)
}

function macroF1(
  rows: readonly number[],
  predicted: readonly number[],
  windows: readonly LabelledWindow[],
  classes: readonly string[],
): number {
  const tally = new Tally(classes)
  for (const [i, row] of rows.entries())
    tally.add(windows[row]!.label, { label: classes[predicted[i]!]!, confidence: 1, route: 'sure' })
  return tally.metrics().macroF1
}

/** Fisher and Yates. */
function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[result[i], result[j]] = [result[j]!, result[i]!]
  }
  return result
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
