/** Numbers and times for people. What is no finite number is shown as a dash, never as NaN. */

const dash = '–'
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })
const tenth = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const percent = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 0 })
const finePercent = new Intl.NumberFormat('en', {
  style: 'percent',
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
})
const fraction = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })

const finite = format => value => (Number.isFinite(value) ? format(value) : dash)

/** 1,234,567 */
export const count = finite(value => whole.format(value))

/** 0.4, 812, 12.3K */
export const rate = finite(value => {
  if (value < 10) return tenth.format(value)
  return value < 10_000 ? whole.format(value) : compact.format(value)
})

/** 81 % as `81%` */
export const share = finite(value => percent.format(value))

/** 81.4% */
export const fineShare = finite(value => finePercent.format(value))

/** 0.42 */
export const decimal = finite(value => fraction.format(value))

export const bytes = finite(value => `${whole.format(value / (1 << 20))} MB`)

/** 812 B, 12.3 kB, 4.5 MB */
export const size = finite(value => {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3))
  return `${tenth.format(value / 1000 ** power)} ${units[power]}`
})

/** 2020-03-01 12:00:05.012, in UTC */
export const stamp = finite(at => {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? String(at) : date.toISOString().slice(0, 23).replace('T', ' ')
})

/** 59 s, 12 min, 3 h 20 min */
export const duration = finite(milliseconds => {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
})

/** 2020-03-01 and 12:00:05.0; event time is shown in UTC, as it is kept. */
export const eventDate = finite(at => new Date(at).toISOString().slice(0, 10))
export const eventTime = finite(at => new Date(at).toISOString().slice(11, 21))

/** 14:03:22, where the reader is. */
export const clockTime = finite(at => new Date(at).toLocaleTimeString('en-GB'))
