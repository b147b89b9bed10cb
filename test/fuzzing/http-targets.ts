/** Bodies of requests that change something: refused with a code, never answered as a failure of ours. */
import fc from 'fast-check'
import { ApplicationError } from '../../processors/errors.ts'
import { buildService } from '../../service/server.ts'
import { movingSource } from '../../service/testing/moving-source.ts'
import { noAnnotations } from '../../service/testing/no-annotations.ts'
import { noLetters } from '../../service/testing/no-letters.ts'
import { releaseFile } from './file-targets.ts'
import type { Target } from './target.ts'

const release = { name: 'watch', version: '1.0.0' }
const window = { annotator: 'anna', deviceId: 'watch-1', windowStart: 5000 }
const bodies: readonly (readonly [url: string, body: string])[] = [
  ['/api/models', releaseFile],
  ['/api/models/promote', JSON.stringify({ ...release, reason: 'better' })],
  ['/api/models/shadow', JSON.stringify(release)],
  ['/api/models/rollback', JSON.stringify({ reason: 'worse' })],
  ['/api/replay', JSON.stringify(release)],
  ['/api/dead-letters/replay', JSON.stringify({ dryRun: true, code: 'RECORD_INVALID' })],
  ['/api/annotation/next', JSON.stringify({ annotator: 'anna' })],
  ['/api/annotation/answer', JSON.stringify({ ...window, verdict: 'labelled', label: 'sitting' })],
  ['/api/annotation/skip', JSON.stringify(window)],
  ['/api/annotation/undo', JSON.stringify(window)],
]

/** What reaches a desk was understood. */
const understood = async (): Promise<never> => {
  throw new ApplicationError('MODEL_UNKNOWN', 'there is none')
}
const heard = async (): Promise<never> => {
  throw new ApplicationError('ANNOTATION_WINDOW_UNKNOWN', 'there is none')
}
const never = { now: () => 1_700_000_000_000, after: () => () => {} }
const server = await buildService({
  source: movingSource(never.now),
  timers: never,
  releases: {
    ...{ release: understood, publish: understood, promote: understood, shadow: understood },
    ...{ endShadow: understood, rollback: understood, comparison: understood, switches: understood },
  },
  replay: understood,
  deadLetters: {
    ...noLetters,
    replay: async () => ({ replayed: 0, replayedBefore: 0, refused: [] }),
  },
  annotations: { ...noAnnotations, answer: heard, skip: heard, undo: heard },
  token: 'secret',
  logger: { error: () => {} },
})

let requests = 0

const requestBodies: Target = {
  name: 'bodies of requests',
  right: fc
    .nat(bodies.length - 1)
    .map(which => Buffer.concat([Buffer.of(which), Buffer.from(bodies[which]![1], 'utf8')])),
  async decode(bytes) {
    const [url] = bodies[(bytes[0] ?? 0) % bodies.length]!
    const answer = await server.inject({
      method: 'POST',
      url,
      headers: { authorization: 'Bearer secret', 'content-type': 'application/json' },
      payload: bytes.subarray(1),
      // Each address may ask so much, and no more.
      remoteAddress: `10.0.${(requests >> 8) & 255}.${requests++ & 255}`,
    })
    const told: { code?: unknown; message?: unknown } = answer.json()
    if (answer.statusCode >= 500) throw new Error(`${url} answers ${answer.statusCode}: ${answer.body}`)
    if (answer.statusCode >= 400 && (typeof told.code !== 'string' || typeof told.message !== 'string'))
      throw new Error(`${url} refuses without a code: ${answer.body}`)
    // What is refused may be repeated in the message, and what is wrong with each part.
    return { value: undefined, size: answer.body.length / 8 }
  },
  expected: () => false,
}

export const httpTargets: readonly Target[] = [requestBodies]
