import { expect, test } from 'vitest'
import { CommitWatch } from './commit-watch.ts'

test('recovery is when the last partition has committed again', async () => {
  const since = Date.now()
  const watch = new CommitWatch(['a/0', 'a/1'])
  watch.committed(['a/0', 'a/1'], since - 200)
  watch.committed(['a/0'], since + 100)
  const recovered = watch.recovered(since, 10_000)
  watch.committed(['a/1'], since + 700)
  expect(await recovered).toBe(700)
  // Reports of two processes come in any order.
  watch.committed(['a/1'], since + 500)
  expect(await watch.recovered(since, 10_000)).toBe(500)
})

test('a partition that does not commit is named', async () => {
  const watch = new CommitWatch(['a/0', 'a/1'])
  watch.committed(['a/0'], Date.now() + 10)
  await expect(watch.recovered(Date.now(), 30)).rejects.toThrow('no commit of a/1 for 0.03 s')
})

test('a stall is the longest time between two commits of a partition, from the last one before', () => {
  const watch = new CommitWatch(['a/0', 'a/1'])
  for (const at of [900, 1_100, 1_300, 2_000]) watch.committed(['a/0'], at)
  for (const at of [1_000, 1_400, 1_900]) watch.committed(['a/1'], at)
  expect(watch.longestStall(1_050, 1_950)).toBe(650)
  expect(watch.longestStall(1_350, 2_500)).toBe(700)
})
