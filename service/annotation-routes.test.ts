import { afterEach, expect, test } from 'vitest'
import { ApplicationError } from '../processors/errors.ts'
import type { Annotations } from './annotation-routes.ts'
import { buildService } from './server.ts'
import { movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noLetters } from './testing/no-letters.ts'
import { noReleases } from './testing/no-releases.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function service(annotations: Partial<Annotations> = {}) {
  const source = movingSource(Date.now)
  const server = await buildService({
    source,
    releases: noReleases,
    deadLetters: noLetters,
    annotations: { ...noAnnotations, ...annotations },
    token: 'secret',
    logger: { error: () => {} },
  })
  closing.push(() => server.close())
  const post = async (path: string, payload: object, authorization = 'Bearer secret') => {
    const response = await server.inject({
      method: 'POST',
      url: `/api/annotation/${path}`,
      headers: { authorization },
      payload,
    })
    return [response.statusCode, response.json()] as const
  }
  return { server, source, post }
}

const about = { annotator: 'anna', deviceId: 'w1', windowStart: 1_800_000_000_000 }

test('windows are shown to and labelled by who bears the token, and by nobody else', async () => {
  const { server, post } = await service()
  for (const path of ['next', 'answer', 'skip', 'undo'])
    expect(await post(path, { ...about, verdict: 'cannotTell' }, 'Bearer wrong')).toMatchObject([
      401,
      { code: 'UNAUTHORIZED' },
    ])
  expect((await server.inject('/api/annotation')).statusCode).toBe(401)
  expect(await post('next', { annotator: 'anna' })).toEqual([200, { window: null }])
})

test('what was said is handed on, and what makes no sense is refused', async () => {
  const said: unknown[] = []
  const { post } = await service({
    answer: async (annotator, key, answer) => {
      if (key.deviceId === 'gone') throw new ApplicationError('ANNOTATION_WINDOW_UNKNOWN', 'no window waits')
      if (answer.verdict === 'labelled' && answer.label === 'flying')
        throw new ApplicationError('ANNOTATION_INVALID', 'flying is no label')
      said.push([annotator, key.deviceId, key.windowStart, answer])
    },
  })
  expect(await post('answer', { ...about, verdict: 'labelled', label: 'walking' })).toEqual([
    200,
    noAnnotations.status(),
  ])
  await post('answer', { ...about, verdict: 'cannotTell', label: 'walking' })
  expect(said).toEqual([
    ['anna', 'w1', about.windowStart, { verdict: 'labelled', label: 'walking' }],
    ['anna', 'w1', about.windowStart, { verdict: 'cannotTell' }],
  ])
  const codes = []
  for (const wrong of [
    { ...about, deviceId: 'gone', verdict: 'cannotTell' },
    { ...about, verdict: 'labelled', label: 'flying' },
    { ...about, verdict: 'withdrawn' },
    { ...about, annotator: '  ', verdict: 'cannotTell' },
    { ...about, windowStart: -1, verdict: 'cannotTell' },
  ])
    codes.push((await post('answer', wrong))[0])
  expect(codes).toEqual([404, 422, 400, 400, 400])
})

test('live accuracy is in the status and a metric, by version and class', async () => {
  const { server, source } = await service()
  source.change({
    annotation: {
      ...noAnnotations.status(),
      labelled: 9,
      byLabel: { walking: 9 },
      waiting: { unsure: 5, random: 2 },
      accuracy: [
        {
          version: '1.0.0',
          windows: 8,
          right: 6,
          perClass: { walking: { windows: 4, right: 3 }, sitting: { windows: 4, right: 3 } },
        },
      ],
    },
  })
  expect((await server.inject('/api/status')).json().annotation.accuracy).toMatchObject([
    { version: '1.0.0', windows: 8, right: 6 },
  ])
  const { body } = await server.inject('/metrics')
  for (const line of [
    'tickerwatch_live_accuracy{version="1.0.0"} 0.75',
    'tickerwatch_live_class_accuracy{version="1.0.0",label="walking"} 0.75',
    'tickerwatch_live_windows{version="1.0.0",label="sitting"} 4',
    'tickerwatch_annotation_waiting{arm="random"} 2',
    'tickerwatch_annotated_windows{label="walking"} 9',
  ])
    expect(body).toContain(`${line}\n`)
})
