import { expect, test } from 'vitest'
import { type Case, parseCase } from './case.ts'
import { runCase } from './run.ts'

const nodes = [
  { id: 's', op: 'stream', topic: 'in', key: 'string', value: 'long' },
  { id: 'f', op: 'filter', from: 's', fn: 'gt:1' },
  { op: 'to', from: 'f', topic: 'out' },
]
const right = {
  name: 'example',
  about: 'for these tests',
  config: {},
  nodes,
  input: [
    ['in', 'a', 1, 5],
    ['in', 'a', 2, 6, [['h', 'x']]],
  ],
  output: { out: [[1, 'a', 2, 6, [['h', 'x']]]] },
}

function parsed(changes: object): Case {
  return parseCase('example.json', JSON.stringify({ ...right, ...changes }))
}

test.each([
  ['an unknown op', { nodes: [{ id: 's', op: 'sort', from: 'x' }] }],
  ['an unknown parameter', { nodes: [{ ...nodes[0], retention: 5 }] }],
  ['a missing parameter', { nodes: [{ id: 'f', op: 'filter', from: 's' }] }],
  ['a step of another shape', { input: [['in', 'a', 1]] }],
  ['an unknown field', { outputs: {} }],
])('%s is reported with the name of its file', (_, changes) => {
  expect(() => parsed(changes)).toThrow(/^example\.json: /)
})

test('text that is no JSON is reported with the name of its file', () => {
  expect(() => parseCase('example.json', '{')).toThrow('example.json is no JSON')
})

test('a case that comes out right passes', async () => {
  expect(await runCase(parsed({}), { level: 'strict' })).toEqual({ outcome: 'passed' })
})

test('a case that comes out otherwise fails with its first difference', async () => {
  const result = await runCase(parsed({ output: { out: [[1, 'a', 3, 6]] } }), { level: 'strict' })
  expect(result).toEqual({
    outcome: 'failed',
    difference: {
      where: 'topic out',
      step: 1,
      index: 0,
      expected: [1, 'a', 3, 6],
      actual: [1, 'a', 2, 6, [['h', 'x']]],
    },
  })
})

test('a case that should have failed does not pass', async () => {
  const fails = { phase: 'build', javaException: 'TopologyException', javaMessage: 'no' }
  expect(await runCase(parsed({ fails }), { level: 'strict' })).toMatchObject({
    outcome: 'failed',
    expected: 'a failure at build (no)',
    actual: 'no failure',
  })
})

test('a case that fails where it should not does not pass', async () => {
  const invalid = [nodes[0], { ...nodes[2], from: 's', topic: 'a/b' }]
  expect(await runCase(parsed({ nodes: invalid }), { level: 'strict' })).toMatchObject({
    outcome: 'failed',
    expected: 'no failure',
  })
})

test('an unknown function is a mistake of the case, not a refused topology', async () => {
  const fails = { phase: 'build', javaException: 'TopologyException', javaMessage: 'no' }
  const wrong = [nodes[0], { ...nodes[1], fn: 'greater:1' }]
  await expect(runCase(parsed({ nodes: wrong, fails }), { level: 'strict' })).rejects.toThrow(
    'unknown predicate greater:1',
  )
})
