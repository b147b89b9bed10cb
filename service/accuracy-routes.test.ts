import { afterEach, expect, test } from 'vitest'
import { type AccuracyQuestion, measureAccuracy } from '../processors/annotation/accuracy.ts'
import { buildService } from './server.ts'
import { movingSource } from './testing/moving-source.ts'
import { noAnnotations } from './testing/no-annotations.ts'
import { noLetters } from './testing/no-letters.ts'
import { noReleases } from './testing/no-releases.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function service() {
  const asked: AccuracyQuestion[] = []
  const server = await buildService({
    source: movingSource(Date.now),
    releases: noReleases,
    deadLetters: noLetters,
    annotations: {
      ...noAnnotations,
      accuracy: question => {
        asked.push(question)
        return measureAccuracy([], question)
      },
    },
    token: 'secret',
    logger: { error: () => {} },
  })
  closing.push(() => server.close())
  return { server, asked }
}

test('accuracy is told of all releases by the hour, or of one by the day', async () => {
  const { server, asked } = await service()
  const answer = await server.inject('/api/accuracy')
  expect(answer.statusCode).toBe(200)
  expect(answer.json()).toMatchObject({ releases: [], randomArm: { windows: 0 }, queried: { windows: 0 } })
  expect((await server.inject('/api/accuracy?name=watch&version=1.0.0&by=day')).statusCode).toBe(200)
  expect(asked).toEqual([
    { release: undefined, by: 'hour' },
    { release: { name: 'watch', version: '1.0.0' }, by: 'day' },
  ])
})

test.each(['by=week', 'name=watch', 'version=1', `name=${'x'.repeat(101)}&version=1`, 'colour=red'])(
  '%s is refused with what is wrong',
  async query => {
    const { server, asked } = await service()
    const answer = await server.inject(`/api/accuracy?${query}`)
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toEqual({ code: 'BAD_REQUEST', message: expect.stringMatching(/\w/) })
    expect(asked).toEqual([])
  },
)
