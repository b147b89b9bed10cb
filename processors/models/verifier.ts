/**
 * Tries releases in a process of its own before a node loads them: one that crashes the runtime, or does not come to an end,
 * takes only that process with it. The process is shared, started when it is needed and ended when it was idle for a while.
 */
import { type ChildProcess, fork } from 'node:child_process'
import type { ModelRelease } from '../../schemas/index.ts'
import { ApplicationError, isApplicationErrorCode } from '../errors.ts'
import { refusalOf } from './model-bytes.ts'

/** Milliseconds for one release, with the reading of its bytes. */
const TIME_LIMIT = 60_000
/** Milliseconds without a release after which the process ends. */
const IDLE = 10_000

export interface VerificationRequest {
  readonly release: ModelRelease
  /** Features in a vector. */
  readonly width: number
}

export type VerificationAnswer =
  | { readonly fit: true }
  | { readonly fit: false; readonly code: string | undefined; readonly message: string }

let process: ChildProcess | undefined
/** The last of those that wait: one release is tried at a time, so that its time and its crash are its own. */
let last: Promise<unknown> = Promise.resolve()
let cancelIdle = (): void => {}

/**
 * @param limit milliseconds
 * @throws ApplicationError MODEL_…, why the release must not serve; any other error means that it cannot be told now
 */
export function verifyRelease(release: ModelRelease, width: number, limit = TIME_LIMIT): Promise<void> {
  const verified = last.then(() => verify({ release, width }, limit))
  last = verified.catch(() => {})
  return verified
}

async function verify(request: VerificationRequest, limit: number): Promise<void> {
  cancelIdle()
  process ??= start()
  const answer = await ask(process, request, limit)
  endWhenIdle()
  if (answer.fit) return
  throw isApplicationErrorCode(answer.code)
    ? new ApplicationError(answer.code, answer.message)
    : new Error(answer.message)
}

function start(): ChildProcess {
  const started = fork(new URL('./verifying-process.mjs', import.meta.url), {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [],
  })
  started.on('exit', () => {
    if (process === started) process = undefined
  })
  return started
}

function ask(asked: ChildProcess, request: VerificationRequest, limit: number): Promise<VerificationAnswer> {
  const refuse = refusalOf(request.release)
  return new Promise((resolve, reject) => {
    const settle = (how: () => void): void => {
      clearTimeout(timer)
      asked.off('message', onMessage)
      asked.off('exit', onExit)
      asked.off('error', onError)
      how()
    }
    const onMessage = (answer: VerificationAnswer): void => settle(() => resolve(answer))
    const onError = (error: Error): void => settle(() => reject(error))
    const onExit = (code: number | null, signal: string | null): void =>
      settle(() => reject(refuse('MODEL_UNLOADABLE', `trying it ended the process (${signal ?? code})`)))
    const timer = setTimeout(() => {
      settle(() => reject(refuse('MODEL_TOO_SLOW', `trying it took more than ${limit / 1000} s`)))
      process = undefined
      asked.kill('SIGKILL')
    }, limit)
    asked.on('message', onMessage)
    asked.on('exit', onExit)
    asked.on('error', onError)
    asked.ref()
    asked.channel?.ref()
    asked.send(request, error => {
      if (error !== null) onError(error)
    })
  })
}

/** The process is no reason for this one to go on. */
function endWhenIdle(): void {
  const idle = process
  if (idle === undefined) return
  idle.unref()
  idle.channel?.unref()
  const timer = setTimeout(() => idle.disconnect(), IDLE)
  timer.unref()
  cancelIdle = () => clearTimeout(timer)
}
