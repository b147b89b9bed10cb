import { expect, test } from 'vitest'
import { AnnotationQueue, type QueuedWindow } from './annotation-queue.ts'

const window = (deviceId: string, margin: number): QueuedWindow => ({
  id: `${deviceId} ${margin}`,
  deviceId,
  margin,
})

function order(queue: AnnotationQueue<QueuedWindow>, count: number): string[] {
  return Array.from({ length: count }, () => {
    const next = queue.next()
    if (next !== undefined) queue.remove(next.id)
    return next?.id ?? 'none'
  })
}

test('asks in turn from each wearer, of the windows with the least margin', () => {
  const queue = new AnnotationQueue<QueuedWindow>(100)
  for (const margin of [0.3, 0.1, 0.2]) queue.add(window('a', margin))
  queue.add(window('b', 0.4))
  queue.add(window('c', 0.5))
  expect(order(queue, 6)).toEqual(['a 0.1', 'b 0.4', 'c 0.5', 'a 0.2', 'a 0.3', 'none'])
})

test('does not ask about what is sure, though it is of another wearer', () => {
  const queue = new AnnotationQueue<QueuedWindow>(100)
  for (let i = 0; i < 30; i++) queue.add(window('a', i / 1000))
  queue.add(window('b', 0.9))
  expect(order(queue, 11).some(id => id.startsWith('b'))).toBe(false)
})

test('passes over what is unfit, changes margins, and lets go of the greatest one', () => {
  const queue = new AnnotationQueue<QueuedWindow>(2)
  expect(queue.add(window('a', 0.1))).toBeUndefined()
  expect(queue.add(window('b', 0.2))).toBeUndefined()
  expect(queue.next(id => id === 'a 0.1')?.id).toBe('b 0.2')
  queue.add({ ...window('a', 0.1), margin: 0.8 })
  expect(queue.next()?.id).toBe('b 0.2')
  expect(queue.add(window('c', 0.5))?.id).toBe('a 0.1')
  const sure = window('d', 0.9)
  expect(queue.add(sure)).toBe(sure)
  expect(queue.size).toBe(2)
})
