/** A node with its log in memory, asked to replay what it has predicted so far. */
import { once } from 'node:events'
import { access } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { printed, type Scratch, scratch } from '../test/node-process.ts'
import { tickerwatch } from '../test/tickerwatch.ts'

let own: Scratch
beforeAll(async () => {
  own = await scratch()
})
afterAll(() => own.remove())

test('the running node replays what is in its memory, as recorded and by another release', async () => {
  const node = own.start('node', '--devices', '20')
  const said = printed(node)
  const ended = once(node, 'exit')
  try {
    const state = own.path('node')
    await expect
      .poll(
        () =>
          access(`${state}/node.json`).then(
            () => true,
            () => said(),
          ),
        { timeout: 120_000 },
      )
      .toBe(true)
    const ask = async (...words: string[]) => {
      const { code, stdout, stderr } = await tickerwatch(...words, '--state', state, '--json')
      return {
        code,
        stderr: stderr.join('\n'),
        answer: stdout.length > 0 ? JSON.parse(stdout.join('\n')) : {},
      }
    }
    const versions = async () => Object.keys((await ask('replay')).answer.byVersion ?? {})
    await expect.poll(versions, { timeout: 120_000 }).toEqual(['1.0.0'])
    const release = 'processors/models/releases/watch-2.0.0.json'
    expect((await ask('models', 'publish', release, '--promote', '--reason', 'for the test')).code).toBe(0)
    await expect.poll(versions, { timeout: 120_000 }).toEqual(['1.0.0', '2.0.0'])
    const recorded = await ask('replay')
    expect(recorded.answer).toMatchObject({
      identical: recorded.answer.predictions,
      different: 0,
      missing: 0,
      added: 0,
    })
    expect(recorded.code).toBe(0)
    const backtest = await ask('replay', '--model', 'watch@2.0.0')
    expect([backtest.code, Object.keys(backtest.answer.byVersion)]).toEqual([0, ['2.0.0']])
    expect(backtest.answer.different).toBeGreaterThan(0)
    const unknown = await ask('replay', '--model', 'watch@9.9.9')
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('MODEL_UNKNOWN')])
  } finally {
    node.kill('SIGTERM')
    await ended
  }
})
