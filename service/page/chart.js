/** Readings per second over the last two minutes, with a line where another model took over. */

import { byId } from './elements.js'
import * as format from './format.js'
import uPlot from './uplot/uPlot.esm.js'

const height = 186
let plot
let swaps = []

/** @param {readonly { at: number, readingsPerSecond: number }[]} history */
export function showChart(history, newSwaps) {
  swaps = newSwaps
  const data = [history.map(point => point.at / 1000), history.map(point => point.readingsPerSecond)]
  plot ??= makePlot(byId('chart'), data)
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
      legend: { show: false },
      cursor: { y: false, points: { show: false } },
      scales: { y: { range: (_chart, _low, high) => [0, Math.max(10, high * 1.1)] } },
      axes: [
        { ...axis, space: 80, values: (_chart, ticks) => ticks.map(tick => format.clockTime(tick * 1000)) },
        { ...axis, size: 52, space: 28, values: (_chart, ticks) => ticks.map(format.rate) },
      ],
      series: [
        {},
        { stroke: colour('--accent'), fill: colour('--accent-soft'), width: 2, points: { show: false } },
      ],
      hooks: { draw: [drawSwaps(colour('--swap'))] },
    },
    data,
    parent,
  )
  new ResizeObserver(() => chart.setSize({ width: parent.clientWidth, height })).observe(parent)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => chart.redraw())
  return chart
}

const drawSwaps = colour => chart => {
  const { ctx, bbox } = chart
  ctx.save()
  ctx.strokeStyle = colour()
  ctx.lineWidth = 2 * devicePixelRatio
  for (const { at } of swaps) {
    const x = chart.valToPos(at / 1000, 'x', true)
    if (!(x >= bbox.left && x <= bbox.left + bbox.width)) continue
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
  }
  ctx.restore()
}
