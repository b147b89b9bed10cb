/** A window's samples as lines over its time: one plot for each kind of signal. */
import { element, shape } from './elements.js'

const plots = [
  {
    title: 'Acceleration without gravity, G',
    lines: { userAccelerationX: 'x', userAccelerationY: 'y', userAccelerationZ: 'z' },
    least: 0.2,
  },
  {
    title: 'Rotation, rad/s',
    lines: { rotationRateX: 'x', rotationRateY: 'y', rotationRateZ: 'z' },
    least: 0.5,
  },
  { title: 'Attitude, rad', lines: { pitch: 'pitch', roll: 'roll' }, least: 0.5 },
]
const width = 1000
const height = 100

/** @param {Element} parent @param {{ sampleTimes: number[], signals: Record<string, (number | null)[]>, windowStart: number, windowEnd: number }} window */
export function showSignals(parent, { sampleTimes, signals, windowStart, windowEnd }) {
  const length = windowEnd - windowStart
  const shown = plots.map(({ title, lines, least }) => {
    const series = Object.entries(lines).map(([field, name]) => ({ name, values: signals[field] ?? [] }))
    // At least so far in both directions, or noise would look like motion.
    const peak = Math.max(least, ...series.flatMap(({ values }) => values.map(value => Math.abs(value ?? 0))))
    const paths = series.map(({ values }, i) =>
      shape('path', { class: `c${i}`, d: pathOf(values, sampleTimes, length, peak) }),
    )
    const zero = shape('path', { class: 'zero', d: `M0 ${height / 2}H${width}` })
    return element(
      'div',
      { class: 'signal' },
      element(
        'h3',
        {},
        title,
        ...series.map(({ name }, i) => element('span', { class: `line c${i}` }, name)),
      ),
      element(
        'div',
        { class: 'plot' },
        element(
          'div',
          { class: 'scale' },
          ...[peak, 0, -peak].map(value => element('span', {}, tick(value))),
        ),
        shape(
          'svg',
          {
            viewBox: `0 0 ${width} ${height}`,
            preserveAspectRatio: 'none',
            role: 'img',
            'aria-label': `${title}: ${series.map(({ name, values }) => inWords(name, values)).join('; ')}`,
          },
          zero,
          ...paths,
        ),
        element(
          'div',
          { class: 'times' },
          ...[0, 0.5, 1].map(part => element('span', {}, `${(part * length) / 1000} s`)),
        ),
      ),
    )
  })
  parent.replaceChildren(...shown)
}

/** A missing sample interrupts the line; one alone between two of them is a point. */
function pathOf(values, times, length, peak) {
  let path = ''
  let isDrawn = false
  for (const [i, value] of values.entries()) {
    if (value === null) {
      isDrawn = false
      continue
    }
    const x = ((times[i] / length) * width).toFixed(1)
    const y = (height * (0.5 - (0.48 * value) / peak)).toFixed(1)
    path += isDrawn ? `L${x} ${y}` : `M${x} ${y}h0`
    isDrawn = true
  }
  return path
}

const tick = value => (Math.abs(value) >= 10 ? value.toFixed(0) : value.toFixed(1)).replace('-', '−')

function inWords(name, values) {
  const present = values.filter(value => value !== null)
  if (present.length === 0) return `${name} missing`
  return `${name} from ${tick(Math.min(...present))} to ${tick(Math.max(...present))}`
}
