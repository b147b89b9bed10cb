import fc from 'fast-check'
import { expect, test } from 'vitest'
import { predictionLine } from './predictions-table.ts'
import { sqlTimestamp } from './sql.ts'
import { prediction } from './testing/predictions.ts'

const place = { logId: 'log', partition: 1, offset: 2 }

test('a line of CSV, every text in quotes', () => {
  expect(predictionLine(prediction(1), place, 1_700_000_000_123)).toBe(
    '"watch-1",2020-09-13 12:26:42.500+00,2020-09-13 12:26:47.500+00,50,"walking",0.75,0.5,"[0.75,0.25,0.1]",' +
      'sure,"watch","1.0.0","abc","log",1,2,2023-11-14 22:13:20.123+00\n',
  )
})

test('a time is as ISO 8601 has it, but for the letters', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date(0), max: new Date(253_402_300_799_999), noInvalidDate: true }),
      date => {
        expect(sqlTimestamp(date.getTime())).toBe(`${date.toISOString().replace('T', ' ').slice(0, -1)}+00`)
      },
    ),
  )
})

test('a probability is the shortest decimal that reads back as the same float', () => {
  const written = (value: number): string => {
    const line = predictionLine({ ...prediction(1), probabilities: [value] }, place, 0)
    return /"\[(.*)\]"/.exec(line)?.[1] ?? ''
  }
  fc.assert(
    fc.property(fc.float({ min: 0, max: 1, noNaN: true }), value => {
      const text = written(value)
      expect(Math.fround(Number(text))).toBe(value)
      if (value < 0.001) return
      const shortest = [6, 7, 8, 9].map(digits => Number(value.toPrecision(digits)))
      expect(text).toBe(String(shortest.find(short => Math.fround(short) === value)))
    }),
  )
})
