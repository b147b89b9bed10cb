/** The learner, as a Python process: scikit-learn, one thread, its features in a file. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const answerSchema = z.object({ classes: z.array(z.number()), margins: z.array(z.number()) })

export interface LearnerTask {
  /** Rows that are learned from, with the number of each one's class. */
  readonly train: readonly number[]
  readonly classes: readonly number[]
  /** Rows that are scored. */
  readonly score: readonly number[]
  readonly seed: number
}

/** Of the rows scored. */
export type Scores = z.infer<typeof answerSchema>

export interface Learner {
  fitAndScore(task: LearnerTask): Promise<Scores>
  close(): void
}

/** @param python an interpreter that has the packages of spark-jobs/requirements.txt */
export function startLearner(python: string, features: readonly Float32Array[]): Learner {
  const directory = mkdtempSync(join(tmpdir(), 'active-learning-'))
  const file = join(directory, 'features')
  writeFileSync(
    file,
    Buffer.concat(features.map(row => Buffer.from(row.buffer, row.byteOffset, row.byteLength))),
  )
  const script = fileURLToPath(new URL('learner.py', import.meta.url))
  const child: ChildProcessWithoutNullStreams = spawn(
    python,
    [script, file, String(features[0]?.length ?? 0)],
    {
      env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
    },
  )
  let said = ''
  child.stderr.on('data', chunk => {
    said = `${said}${chunk}`.slice(-2000)
  })
  const ended = new Promise<never>((_, reject) => {
    child.on('error', reject)
    child.on('exit', code => reject(new Error(`the learner ended with ${code}: ${said}`)))
  })
  ended.catch(() => {}) // whoever waits for an answer is told
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async fitAndScore(task) {
      child.stdin.write(`${JSON.stringify(task)}\n`)
      const line = await Promise.race([lines.next(), ended])
      if (line.done) return await ended
      return answerSchema.parse(JSON.parse(line.value))
    },
    close() {
      child.kill()
      rmSync(directory, { recursive: true })
    },
  }
}
