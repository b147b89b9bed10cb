import { expect, test, vi } from 'vitest'
import { byteProgress, inBytes, whileItTakesLong } from './progress.ts'

function terminal(isTTY: boolean) {
  const written: string[] = []
  const stream = Object.assign(Object.create(process.stderr), {
    isTTY,
    write: (text: string) => written.push(text),
  })
  return { stream, written }
}

test('rate and time left are those of the last seconds; what was there before does not count', () => {
  const { stream, written } = terminal(true)
  let now = 0
  const progress = byteProgress(stream, () => now)
  progress.update(100e6, 1000e6, '1 of 2 files')
  for (now = 1000; now <= 20_000; now += 1000) progress.update(100e6 + now * 2000, 1000e6, '1 of 2 files')
  expect(written.at(-1)).toBe('\r\x1b[K14 %, 140 MB of 1.0 GB, 2.0 MB/s, 7 min left, 1 of 2 files')
  progress.end()
  expect(written.at(-1)).toBe('\n')
})

test('where there is no terminal, a line now and then', () => {
  const { stream, written } = terminal(false)
  let now = 0
  const progress = byteProgress(stream, () => now)
  for (now = 0; now <= 11_000; now += 100) progress.update(now * 10, 200_000, 'a')
  progress.end()
  expect(written).toEqual([
    '25 %, 50.0 kB of 200 kB, 10.0 kB/s, 15 s left, a\n',
    '50 %, 100 kB of 200 kB, 10.0 kB/s, 10 s left, a\n',
  ])
})

test('bytes in words', () => {
  expect([0, 999, 1000, 99_949, 100_000, 999_499, 999_500, 38.4e9, 3e15].map(inBytes)).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '99.9 kB',
    '100 kB',
    '999 kB',
    '1.0 MB',
    '38.4 GB',
    '3000 TB',
  ])
})

test('work that takes long is told after 2 s and then every 5 s; what is quick, not at all', () => {
  vi.useFakeTimers()
  try {
    const said: string[] = []
    let done = 0
    const stop = whileItTakesLong(
      () => `${done} done`,
      line => said.push(line),
      true,
    )
    vi.advanceTimersByTime(1999)
    expect(said).toEqual([])
    done = 1
    vi.advanceTimersByTime(5001)
    expect(said).toEqual(['1 done', '1 done'])
    stop()
    vi.advanceTimersByTime(60_000)
    expect(said).toHaveLength(2)
    whileItTakesLong(
      () => 'never',
      line => said.push(line),
      true,
    )()
    vi.advanceTimersByTime(60_000)
    expect(said).toHaveLength(2)
    const end = whileItTakesLong(
      () => 'in a log',
      line => said.push(line),
      false,
    )
    vi.advanceTimersByTime(9999)
    expect(said).toHaveLength(2)
    vi.advanceTimersByTime(1)
    expect(said.at(-1)).toBe('in a log')
    end()
  } finally {
    vi.useRealTimers()
  }
})
