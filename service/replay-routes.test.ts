import { expect, test } from 'vitest'
import { ApplicationError } from '../processors/errors.ts'
import type { ReplayReport } from '../processors/replay/replay-predictions.ts'
import { buildService } from './server.ts'
import { movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noLetters } from './testing/no-letters.ts'
import { noReleases } from './testing/no-releases.ts'

const report: ReplayReport = {
  readings: 7,
  predictions: 2,
  byVersion: { '1.0.0': 2 },
  identical: 2,
  different: 0,
  missing: 0,
  added: 0,
  agreement: 1,
  labelChanges: [],
  routeChanges: 0,
  confidenceChange: 0,
  incomplete: [],
}

test('a replay is asked for with the token, as recorded or by a release', async () => {
  const asked: unknown[] = []
  const server = await buildService({
    source: movingSource(Date.now),
    releases: noReleases,
    annotations: noAnnotations,
    deadLetters: noLetters,
    replay: async release => {
      asked.push(release)
      if (release?.version === '9.9.9') throw new ApplicationError('REPLAY_UNDER_WAY', 'another one')
      return report
    },
    token: 'secret',
    logger: { error: () => {} },
  })
  const post = async (payload: object, authorization = 'Bearer secret') => {
    const answer = await server.inject({
      method: 'POST',
      url: '/api/replay',
      payload,
      headers: { authorization },
    })
    return [answer.statusCode, answer.json()]
  }
  expect(await post({})).toEqual([200, report])
  expect(await post({ name: 'watch', version: '1.1.0' })).toEqual([200, report])
  expect(asked).toEqual([undefined, { name: 'watch', version: '1.1.0' }])
  expect(await post({}, 'Bearer wrong')).toMatchObject([401, {}])
  expect(await post({ version: '1.1.0' })).toMatchObject([400, {}])
  expect(await post({ name: 'watch', version: '9.9.9' })).toMatchObject([422, { code: 'REPLAY_UNDER_WAY' }])
  expect(asked).toHaveLength(3)
  await server.close()
})
