/** A job on a cluster: a step that runs spark-submit, followed to its end. */
import { gunzipSync } from 'node:zlib'
import {
  AddJobFlowStepsCommand,
  CancelStepsCommand,
  DescribeStepCommand,
  type EMRClient,
  type Step,
  type StepConfig,
} from '@aws-sdk/client-emr'
import { told } from '../../lake/aws.ts'
import type { ObjectStore } from '../../lake/object-store.ts'
import { endReason, type Waiting } from './cluster.ts'
import type { Code } from './code.ts'
import { SubmitError } from './errors.ts'

/** Lines of a log that are shown. */
const TAIL = 40
/** Bytes of a log, packed, that are looked at. */
const LOG_LIMIT = 64 << 20
/** Milliseconds: EMR brings logs to S3 every five minutes, and once when a step ends. */
const LOGS_WITHIN = 360_000

export interface SparkJob {
  /** Of the step, such as `clean`. */
  readonly name: string
  /** A file of spark-jobs, such as `clean.py`. */
  readonly script: string
  /** What the script is given. @param code of the folder with scripts and tables; ends with a slash */
  readonly words: (code: string) => readonly string[]
}

/** The words of spark-submit on the cluster. @param environment an archive of a Python environment, on S3 */
export function sparkSubmit(job: SparkJob, code: Code, environment: string | undefined): string[] {
  const python = './environment/bin/python'
  return [
    'spark-submit',
    '--deploy-mode',
    'cluster',
    '--name',
    job.name,
    '--py-files',
    code.modules,
    '--files',
    code.featureSchema,
    ...(environment === undefined
      ? []
      : [
          '--archives',
          `${environment}#environment`,
          '--conf',
          `spark.yarn.appMasterEnv.PYSPARK_PYTHON=${python}`,
          '--conf',
          `spark.executorEnv.PYSPARK_PYTHON=${python}`,
        ]),
    `${code.url}${job.script}`,
    ...job.words(code.url),
  ]
}

/** What EMR is asked for; a step that fails ends neither the cluster nor other steps. */
export function stepRequest(name: string, words: readonly string[]): StepConfig {
  return {
    Name: name,
    ActionOnFailure: 'CONTINUE',
    HadoopJarStep: { Jar: 'command-runner.jar', Args: [...words] },
  }
}

/** @returns the step's id */
export async function addStep(
  emr: EMRClient,
  cluster: string,
  name: string,
  words: readonly string[],
): Promise<string> {
  const command = new AddJobFlowStepsCommand({
    JobFlowId: cluster,
    Steps: [stepRequest(name, words)],
  })
  const { StepIds } = await told(`adding the step ${name}`, () => emr.send(command))
  const [id] = StepIds ?? []
  if (id === undefined) throw new SubmitError('EMR_STEP_FAILED', `EMR gave the step ${name} no id`)
  return id
}

/** Waits until the step has ended well. @throws SubmitError EMR_STEP_FAILED, EMR_STEP_CANCELLED, EMR_CLUSTER_FAILED */
export async function followStep(
  emr: EMRClient,
  cluster: string,
  id: string,
  waiting: Waiting,
): Promise<void> {
  const begun = waiting.now()
  let last: string | undefined
  let said = begun
  for (;;) {
    const { Name, Status } = await describe(emr, cluster, id)
    const state = Status?.State
    const minutes = Math.round((waiting.now() - begun) / 60_000)
    if (state !== last || waiting.now() - said >= 60_000) {
      waiting.say(`step ${Name}: ${state?.toLowerCase()}${minutes > 0 ? `, ${minutes} min` : ''}`)
      said = waiting.now()
    }
    last = state
    if (state === 'COMPLETED') return
    if (state === 'FAILED') {
      const { Reason = '', Message = '' } = Status?.FailureDetails ?? {}
      throw new SubmitError('EMR_STEP_FAILED', `the step ${Name} (${id}) failed. ${Reason} ${Message}`.trim())
    }
    if (state === 'CANCELLED' || state === 'INTERRUPTED') {
      const ended = await endReason(emr, cluster)
      if (ended !== undefined)
        throw new SubmitError(
          'EMR_CLUSTER_FAILED',
          `the cluster ${cluster} ended under the step ${Name}: ${ended}`,
        )
      throw new SubmitError('EMR_STEP_CANCELLED', `the step ${Name} (${id}) is ${state.toLowerCase()}`)
    }
    await waiting.wait(waiting.poll)
  }
}

/** Asks for the end of a step, whether it waits or runs. */
export async function cancelStep(emr: EMRClient, cluster: string, id: string): Promise<void> {
  const command = new CancelStepsCommand({
    ClusterId: cluster,
    StepIds: [id],
    StepCancellationOption: 'TERMINATE_PROCESS',
  })
  await told(`cancelling the step ${id}`, () => emr.send(command))
}

/**
 * The last lines of what the job printed. The script runs in a container of YARN, whose log tells what it said; the step's own,
 * which names the application, is that of spark-submit.
 * @param logs where the configuration says; EMR brings the logs there some time after the step has ended
 */
export async function stepLog(
  logs: ObjectStore,
  cluster: string,
  id: string,
  waiting: Waiting,
): Promise<readonly string[]> {
  const deadline = waiting.now() + LOGS_WITHIN
  const folder = `${cluster}/steps/${id}`
  for (;;) {
    const step = await logOf(logs, `${folder}/stderr.gz`)
    const application = /application_\d+_\d+/.exec(step.join('\n'))?.[0]
    const driver = application && (await driverLog(logs, `${cluster}/containers/${application}/`))
    if (driver) return driver
    // A step that never became an application has no other log.
    if (step.length > 0 && application === undefined)
      return [`${logs.url}${folder}/stderr.gz:`, ...step.slice(-TAIL)]
    if (waiting.now() > deadline) {
      const none = `No log came to ${logs.url}${folder}/ within ${LOGS_WITHIN / 60_000} minutes.`
      return step.length > 0 ? step.slice(-TAIL) : [none]
    }
    waiting.say('waiting for the log')
    await waiting.wait(waiting.poll)
  }
}

/** Of an application's first container, in which the driver runs: what the script said, or else what Spark did. */
async function driverLog(logs: ObjectStore, folder: string): Promise<readonly string[] | undefined> {
  let last: readonly string[] | undefined
  for await (const { key } of logs.list(folder)) {
    if (!/_000001\/std(out|err)\.gz$/.test(key)) continue
    const lines = await logOf(logs, key)
    if (lines.length === 0) continue
    const traceback = lines.findLastIndex(line => line.startsWith('Traceback'))
    const shown = traceback >= 0 ? lines.slice(traceback, traceback + TAIL) : lines.slice(-TAIL)
    last = [`${logs.url}${key}:`, ...shown]
    if (traceback >= 0) return last
  }
  return last
}

/** None where there is no such log, or nothing in it. */
async function logOf(logs: ObjectStore, key: string): Promise<readonly string[]> {
  if ((await logs.stat(key)) === undefined) return []
  const text = String(gunzipSync(await logs.get(key, { limit: LOG_LIMIT }))).trimEnd()
  return text === '' ? [] : text.split('\n')
}

async function describe(emr: EMRClient, cluster: string, id: string): Promise<Step> {
  const command = new DescribeStepCommand({ ClusterId: cluster, StepId: id })
  const { Step: step } = await told(`asking for the step ${id}`, () => emr.send(command))
  if (step === undefined) throw new SubmitError('EMR_STEP_FAILED', `EMR does not describe the step ${id}`)
  return step
}
