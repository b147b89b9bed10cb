/** The share of windows predicted right, by hour or day of event time. */
import * as format from './format.js'
import uPlot from './uplot/uPlot.esm.js'

const height = 200
let plot
let shown = []

/** @param {readonly { start: number, windows: number, right: number }[]} periods @param {'hour' | 'day'} by */
export function showOverTime(parent, periods, by) {
  shown = periods
  parent.hidden = periods.length === 0
  if (periods.length === 0) return
  const half = by === 'day' ? 43_200 : 1_800
  const data = [
    periods.map(({ start }) => start / 1000 + half),
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
        // One period alone has some room about it.
        x: {
          range: (_chart, low, high) => (high - low < 3600 ? [low - 21_600, high + 21_600] : [low, high]),
        },
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
