import { expect, test } from 'vitest'
import { hexDump } from './hex-dump.ts'

test('text is shown as text, other bytes as hexdump does', () => {
  expect(hexDump(null)).toEqual(['null'])
  expect(hexDump(Buffer.from('Zürich\nline'))).toEqual(['Zürich', 'line'])
  const coloured = Buffer.from('\u001b[31mred and more text')
  expect(hexDump(coloured)).toEqual([
    '00000000  1b 5b 33 31 6d 72 65 64 20 61 6e 64 20 6d 6f 72  |.[31mred and mor|',
    '00000010  65 20 74 65 78 74                                |e text|',
  ])
  expect(hexDump(Buffer.from([0xff]))[0]).toMatch(/^00000000 {2}ff +\|\.\|$/)
})

test('of much, the beginning', () => {
  const lines = hexDump(Buffer.alloc(5000))
  expect([lines.length, lines.at(-1)]).toEqual([257, '… 904 bytes more; --json has all'])
})
