import { describe, expect, it } from 'vitest'
import type { DeadLetter } from './index.ts'
import type { MemoryThread } from './testing/memory-thread.ts'
import { WorkerThreads } from './worker-threads.ts'

const module = new URL('testing/memory-thread.ts', import.meta.url)

function threads(data: MemoryThread, onDeadLetter: (letter: DeadLetter) => void = () => {}): WorkerThreads {
  return new WorkerThreads({ module, data, threads: 2, clientId: 'node', onDeadLetter })
}

describe('worker threads', () => {
  it('are added up, also after their end, and pass on what they tell', async () => {
    const letters: DeadLetter[] = []
    const node = threads({}, letter => letters.push(letter))
    await node.start()
    await expect.poll(() => node.status().processed, { timeout: 60_000 }).toBe(20)
    await node.close()
    await node.run()
    expect(node.status()).toMatchObject({ processed: 20, deadLettered: 2 })
    expect(node.status().outputs).toContainEqual({ node: 'source-in', output: 'out', count: 20 })
    expect(letters.map(({ code, value }) => [code, value])).toEqual([
      ['RECORD_UNDECODABLE', Buffer.from('none')],
      ['RECORD_UNDECODABLE', Buffer.from('none')],
    ])
  })

  it('end the node with the code of what one of them failed of', async () => {
    const node = threads({ failOn: 7 })
    await node.start()
    await expect(node.run()).rejects.toMatchObject({
      code: 'PROCESSING_FAILED',
      message: /in\/0 at 7/,
    })
    await node.close()
  })

  it('do not start where their module cannot', async () => {
    const node = threads({ withoutTopics: true })
    await expect(node.start()).rejects.toMatchObject({ code: 'LOG_UNKNOWN_TOPIC' })
    await node.close()
  })
})
