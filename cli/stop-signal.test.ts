import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { stopSignal } from './stop-signal.ts'

test('the first request stops cleanly, its echo is the same, a later one ends the process', () => {
  const source = new EventEmitter()
  const exits: number[] = []
  let time = 0
  const signal = stopSignal({ source, now: () => time, exit: code => exits.push(code) })
  expect(signal.aborted).toBe(false)
  source.emit('SIGINT')
  expect(signal.aborted).toBe(true)
  time = 999
  source.emit('SIGINT')
  expect(exits).toEqual([])
  time = 1000
  source.emit('SIGTERM')
  expect(exits).toEqual([130])
})
