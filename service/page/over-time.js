/** The share of windows predicted right, by hour or day of event time. */
import * as format from './format.js'
import uPlot from './uplot/uPlot.esm.js'

const height = 200
let plot
let shown = []
/** Seconds of a period. */
let length = 3600

/** @param {readonly { start: number, windows: number, right: number }[]} periods @param {'hour' | 'day'} by */
export function showOverTime(parent, periods, by) {
  shown = periods
  parent.hidden = periods.length === 0
  if (periods.length === 0) return
  length = by === 'day' ? 86_400 : 3600
  const data = [
    periods.map(({ start }) => start / 1000 + length / 2),
    periods.map(({ right, windows }) => (100 * right) / windows),
  ]
  plot ??= makePlot(parent, data)
  plot.setData(data)
}

function makePlot(parent, data) {
  const colour = name => () => getComputedStyle(document.documentElement).getPropertyValue(name)
  const axis = {
    stroke: colour('--muted'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  }
  const chart = new uPlot(
    {
      width: parent.clientWidth,
      height,
      tzDate: seconds => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
      scales: {
        y: { range: [0, 105] },
        x: { range: shownSpan },
      },
      axes: [
        { ...axis, space: 90 },
        { ...axis, size: 48, values: (_chart, ticks) => ticks.map(tick => `${tick}%`) },
      ],
      series: [
        { label: 'From (UTC)', value: (_chart, _x, _series, index) => when(index) },
        {
          label: 'Right',
          stroke: colour('--accent'),
          width: 2,
          points: { show: true, size: 6, fill: colour('--accent') },
          value: (_chart, _y, _series, index) => inWords(index),
        },
      ],
    },
    data,
    parent,
  )
  new ResizeObserver(() => chart.setSize({ width: parent.clientWidth, height })).observe(parent)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => chart.redraw())
  return chart
}

/** Seconds from the first period to the last one, with half a period of room; one alone has some more. */
export function shownSpan() {
  const first = shown.at(0).start / 1000
  const last = shown.at(-1).start / 1000
  const room = first === last ? 3 * length : length / 2
  return [first + length / 2 - room, last + length / 2 + room]
}

function when(index) {
  const period = shown[index]
  return period === undefined ? '–' : new Date(period.start).toISOString().slice(0, 16).replace('T', ' ')
}

function inWords(index) {
  const period = shown[index]
  if (period === undefined) return '–'
  const { right, windows } = period
  return `${format.fineShare(right / windows)}, ${format.count(right)} of ${format.count(windows)}`
}
