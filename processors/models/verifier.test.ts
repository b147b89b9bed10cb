import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import type { ModelRelease } from '../../schemas/index.ts'
import type { ApplicationErrorCode } from '../errors.ts'
import { release, SCHEMA } from './testing/releases.ts'
import { verifyRelease } from './verifier.ts'

const width = SCHEMA.features.length
/** Slower than any machine's limit: a product of 2,500 × 2,500 matrices. */
const slow = { shape: { ballast: 2500 } }

async function published(...args: Parameters<typeof release>): Promise<ModelRelease> {
  return { ...(await release(...args)), status: 'candidate', publishedAt: 0, reason: null }
}

function raised(code: ApplicationErrorCode, text = ''): object {
  return expect.objectContaining({ code, message: expect.stringContaining(text) })
}

/** The processes that this one has started. */
function children(): number[] {
  const listed = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' })
  return listed
    .split('\n')
    .filter(line => line.includes('verifying-process'))
    .map(line => Number.parseInt(line, 10))
}

test('what is fit passes, what is not is refused with the reason, and one does not disturb the next', async () => {
  const right = await published('1.0.0')
  const all = [
    right,
    await published('1.0.1', { shape: { width: 11 } }),
    { ...right, onnx: right.onnx!.subarray(0, 100), size: 100 },
    await published('1.0.2', { probeProbabilities: [0.97, 0.01, 0.01, 0.01] }),
    right,
  ]
  const answers = await Promise.allSettled(all.map(each => verifyRelease(each, width)))
  expect(answers.map(each => (each.status === 'rejected' ? each.reason.code : 'fit'))).toEqual([
    'fit',
    'MODEL_INTERFACE_WRONG',
    'MODEL_DAMAGED',
    'MODEL_ANSWER_WRONG',
    'fit',
  ])
  expect(children()).toHaveLength(1)
})

test('a model that needs too much CPU is refused', async () => {
  await expect(verifyRelease(await published('1.1.0', slow), width)).rejects.toThrow(
    raised('MODEL_TOO_SLOW', 'ms of CPU, at most 0.5 are granted'),
  )
})

test('one that comes to no end is given up, with its process, and the next one is tried in another', async () => {
  const before = children()
  await expect(verifyRelease(await published('1.1.0', slow), width, 20)).rejects.toThrow(
    raised('MODEL_TOO_SLOW', 'more than 0.02 s'),
  )
  await verifyRelease(await published('1.0.0'), width)
  expect(children().filter(pid => !before.includes(pid))).toHaveLength(1)
})

test('one that takes its process with it is refused', async () => {
  const [pid] = children()
  const verified = verifyRelease(await published('1.1.0', slow), width)
  process.kill(pid!, 'SIGKILL')
  await expect(verified).rejects.toThrow(raised('MODEL_UNLOADABLE', 'ended the process (SIGKILL)'))
  await verifyRelease(await published('1.0.0'), width)
})
