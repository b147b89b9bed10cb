/** That each benchmark runs, finds its results right and prints its figures; what they are depends on the machine. */
import { expect, test } from 'vitest'
import { bench, figures } from './bench-process.ts'
import { committedOutputs } from './watch/data-set.ts'

test.each([
  ['log --records 5000 --rounds 1', ['produced, in transactions', 'delivered and walked']],
  ['decode --records 5000 --rounds 1', ['decode, 4 fields, a cursor', 'decode, avsc', 'encode']],
  ['windows --records 100000 --rounds 1', ['aggregated', 'collected']],
  ['store --keys 3000 --commit 1000 --rounds 1', ['put, committed', 'restored']],
  ['score --rows 200 --rounds 1', ['1 a call', '64 a call']],
  ['activity --records 20000 --rounds 1', ['the activity topology']],
  [
    'keys --keys 20000 --reads 5000',
    ['get from the store', 'ranges of the store', 'restored from the database'],
  ],
])('%s', async (words, names) => {
  const found = await figures(words.split(' '))
  for (const name of names) {
    const [rate, cost] = found.filter(({ what }) => what === name)
    expect(rate?.value, name).toBeGreaterThan(0)
    expect(rate?.ratio, name).toBeCloseTo(rate!.value / rate!.limit!.value, 1)
    expect(cost?.unit, name).toBe('CPU-s/M')
  }
})

test('lists what can be measured', async () => {
  const { stdout } = await bench(['--help'])
  for (const name of 'watch consume produce latency restore growth recovery soak'.split(' '))
    expect(stdout.join('\n')).toMatch(new RegExp(`^  ${name} `, 'm'))
})

test('says in one line what is wrong', async () => {
  const { code, stderr } = await bench(['keys', '--keys', '0'])
  expect(code).toBe(1)
  expect(stderr.join('\n')).toContain('A whole number above 0.')
  const without = await bench(['watch'], { PATH: '' })
  expect(without).toMatchObject({
    code: 1,
    stderr: ['bench: Java 17 or later is needed, and java does not run'],
  })
})

test.each([2_000_000, 6_000_000])('has the outputs of %i records as they were committed', records => {
  const [header, ...windows] = committedOutputs(records).toString('utf8').trimEnd().split(/\r?\n/)
  expect(header).toBe('partition,device,windowStart,count,closed,label,confidence,topic')
  const rows = windows.map(line => line.split(','))
  // Each reading is in two windows, and all but the last ones' are closed.
  expect(rows.reduce((sum, row) => sum + Number(row[3]), 0)).toBe(2 * records)
  expect(rows.filter(row => row[4] === '1')).toHaveLength((records / 2_000_000) * 16_000)
})
