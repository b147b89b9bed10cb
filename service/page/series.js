/** Figures over time, each in a small chart of its own. */
import { element, showList } from './elements.js'
import * as format from './format.js'
import uPlot from './uplot/uPlot.esm.js'

const height = 130
const plots = new WeakMap()

/**
 * @param {Element} parent
 * @param {readonly { name: string, title: string, unit: string, points: readonly { at: number, value: number }[] }[]} series
 * @param {{ from: number, to: number }} span
 */
export function showSeries(parent, series, { from, to }) {
  showList(
    parent,
    series,
    ({ name }) => name,
    ({ title }) => element('figure', { role: 'img' }, element('figcaption', {}, title)),
    (figure, { title, unit, points }) => {
      const last = `${format.rate(points.at(-1).value)}${unit}`
      figure.setAttribute('aria-label', `${title}, ${last} at the end`)
      figure.querySelector('figcaption').textContent = `${title}: ${last}`
      // Shown first, so that it has a width.
      queueMicrotask(() => {
        const plot = plots.get(figure) ?? makePlot(figure, unit)
        plots.set(figure, plot)
        plot.setData([points.map(({ at }) => at / 1000), points.map(({ value }) => value)], false)
        plot.setScale('x', { min: from / 1000, max: to / 1000 })
      })
    },
  )
}

function makePlot(parent, unit) {
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
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (_chart, _low, high) => [0, unit === '%' ? 100 : Math.max(1, high * 1.1)] } },
      axes: [
        {
          ...axis,
          size: 28,
          space: 70,
          values: (_chart, ticks) => ticks.map(tick => new Date(tick * 1000).toISOString().slice(11, 16)),
        },
        { ...axis, size: 44, space: 28, values: (_chart, ticks) => ticks.map(tick => `${tick}${unit}`) },
      ],
      series: [
        {},
        {
          stroke: colour('--accent'),
          fill: colour('--accent-soft'),
          width: 2,
          points: { show: true, size: 4, fill: colour('--accent') },
        },
      ],
    },
    [[], []],
    parent,
  )
  new ResizeObserver(() => chart.setSize({ width: parent.clientWidth, height })).observe(parent)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => chart.redraw())
  return chart
}
