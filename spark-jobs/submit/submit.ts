/** Runs a Spark job on EMR: finds the cluster or makes it, uploads the code, adds the step, and stays with it to its end. */
import type { EMRClient } from '@aws-sdk/client-emr'
import type { ObjectStore } from '../../lake/object-store.ts'
import { createCluster, findCluster, terminateCluster, type Waiting, whenReady } from './cluster.ts'
import { uploadCode } from './code.ts'
import type { EmrConfig } from './config.ts'
import { SubmitError } from './errors.ts'
import { addStep, cancelStep, followStep, type SparkJob, sparkSubmit, stepLog } from './step.ts'

export interface SubmitOptions {
  readonly emr: EMRClient
  readonly config: EmrConfig
  /** The store at `config.code`. */
  readonly code: ObjectStore
  /** The store at `config.logs`. */
  readonly logs: ObjectStore
  /** Ends the waiting: the step is cancelled, and a cluster made for it is terminated. */
  readonly signal: AbortSignal
  /** Leave a cluster that this job made running, also after a failure. */
  readonly keep: boolean
  /** Milliseconds between two questions to EMR, which limits their rate. */
  readonly poll: number
  readonly wait: (milliseconds: number, signal: AbortSignal) => Promise<unknown>
  readonly now: () => number
  readonly say: (line: string) => void
}

export interface Submitted {
  readonly cluster: string
  readonly step: string
  /** Made for this job; it ends by itself after the idle time that is configured. */
  readonly created: boolean
  /** Milliseconds, the cluster's start included. */
  readonly duration: number
}

/**
 * @throws SubmitError EMR_… with the log of a failed step said before; LakeError what AWS refuses
 */
export async function submit(job: SparkJob, options: SubmitOptions): Promise<Submitted> {
  const { emr, config, signal, keep, say, now, poll } = options
  const begun = now()
  const goOn = (): void => {
    if (signal.aborted) throw new SubmitError('EMR_INTERRUPTED', `${job.name} was interrupted`)
  }
  const waiting: Waiting = {
    poll,
    now,
    say,
    wait: async milliseconds => {
      await options.wait(milliseconds, signal).catch(() => {})
      goOn()
    },
  }
  const code = await uploadCode(options.code)
  const found = await findCluster(emr, config)
  const cluster = found?.Id ?? (await createCluster(emr, config))
  const created = found === undefined
  say(`${created ? 'made' : 'found'} cluster ${cluster}`)
  try {
    await whenReady(emr, cluster, waiting)
    goOn()
    const step = await addStep(emr, cluster, job.name, sparkSubmit(job, code, config.environment))
    await finishStep(step, cluster, options, waiting)
    return { cluster, step, created, duration: now() - begun }
  } catch (error) {
    // Nothing is left running, whatever it was; the first error is the one to tell.
    if (created && !keep) {
      say(`terminating cluster ${cluster}`)
      await attempt(say, () => terminateCluster(emr, cluster))
    }
    throw error
  }
}

/** Follows the step to its end; of one that failed the log is said, and one that is left is cancelled. */
async function finishStep(
  step: string,
  cluster: string,
  { emr, logs, say }: SubmitOptions,
  waiting: Waiting,
): Promise<void> {
  try {
    await followStep(emr, cluster, step, waiting)
  } catch (error) {
    if (error instanceof SubmitError && error.code === 'EMR_STEP_FAILED') {
      const log = await stepLog(logs, cluster, step, waiting).catch(cause => [
        `its log cannot be read: ${cause.message}`,
      ])
      for (const line of log) say(line)
    } else {
      await attempt(say, () => cancelStep(emr, cluster, step))
    }
    throw error
  }
}

/** What fails while something is ended is said, and does not hide why it is. */
async function attempt(say: (line: string) => void, work: () => Promise<void>): Promise<void> {
  await work().catch(error => say(`${error.message}: look into the console of EMR`))
}
