/**
 * The topology as a drawing, left to right: an operator stands one column right of its parents, and each branch has a
 * lane of its own, so that no line runs through a box. Drawn once; then only its figures change.
 */
import { byId, element, setText, shape } from './elements.js'
import * as format from './format.js'

const box = { width: 152, height: 46 }
const gap = { x: 66, y: 30 }
const margin = { top: 26, side: 14, bottom: 14 }

let drawn = ''
/** What changes of each edge: by position in the list. */
let figures = []

export function showTopology({ nodes, edges }) {
  const structure = JSON.stringify([nodes, edges.map(({ from, to, output }) => [from, to, output])])
  if (structure !== drawn) draw(nodes, edges)
  drawn = structure
  edges.forEach(({ total, perSecond }, index) => {
    const { line, rate, title } = figures[index]
    const active = perSecond > 0
    line.classList.toggle('active', active)
    line.style.strokeWidth = `${active ? Math.min(6, 1.5 + Math.log10(1 + perSecond)) : 1.5}px`
    setText(rate, perSecond === undefined ? '' : `${format.rate(perSecond)}/s`)
    setText(title, `${format.count(total)} records in total`)
  })
}

function draw(nodes, edges) {
  const place = layout(nodes, edges)
  const columns = 1 + Math.max(0, ...[...place.values()].map(({ column }) => column))
  const lanes = 1 + Math.max(0, ...[...place.values()].map(({ lane }) => lane))
  const x = column => margin.side + column * (box.width + gap.x)
  const y = lane => margin.top + lane * (box.height + gap.y)
  const width = x(columns - 1) + box.width + margin.side
  const height = y(lanes - 1) + box.height + margin.bottom
  const parts = edges.map(edge => drawEdge(edge, place, x, y))
  figures = parts.map(part => part.figures)
  const picture = shape(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': words(nodes, edges) },
    ...frames(nodes, place, x, y),
    ...parts.map(part => part.line),
    ...nodes.map(node => drawNode(node, place.get(node.name), x, y)),
    ...parts.map(part => part.label),
  )
  // Never smaller than one can read; a narrow window scrolls.
  picture.style.minWidth = `${Math.round(width * 0.72)}px`
  picture.style.maxWidth = `${Math.round(width * 1.15)}px`
  byId('topology').replaceChildren(
    nodes.length === 0 ? element('p', { class: 'empty' }, 'The topology is empty.') : picture,
  )
}

/** Column and lane of each node. Sub-topologies stand one below the other. */
function layout(nodes, edges) {
  const place = new Map()
  const kept = new Map(nodes.map(node => [node.name, node]))
  const parents = name => edges.filter(edge => edge.to === name && kept.has(edge.from)).map(edge => edge.from)
  const children = name => edges.filter(edge => edge.from === name && kept.has(edge.to)).map(edge => edge.to)
  const columns = new Map()
  // Parents come before their children in the list.
  for (const { name } of nodes) {
    columns.set(name, Math.max(-1, ...parents(name).map(parent => columns.get(parent) ?? -1)) + 1)
  }
  let free = 0
  const visit = (name, lane) => {
    if (place.has(name)) return
    place.set(name, { column: columns.get(name), lane })
    let first = true
    for (const child of children(name)) {
      if (place.has(child)) continue
      visit(child, first ? lane : free++)
      first = false
    }
  }
  const inOrder = [...nodes].sort((a, b) => a.subTopology - b.subTopology)
  for (const { name } of inOrder) if (!place.has(name) && parents(name).length === 0) visit(name, free++)
  return place
}

function drawNode({ name, kind, topic, store }, { column, lane }, x, y) {
  const title = topic ?? name
  const below = topic !== undefined ? `${kind} topic` : store !== undefined ? `${kind}, keeps state` : kind
  return shape(
    'g',
    { class: `node ${topic !== undefined ? 'topic' : store !== undefined ? 'stateful' : ''}` },
    shape('title', {}, `${name} (${kind})`),
    shape('rect', {
      x: x(column),
      y: y(lane),
      width: box.width,
      height: box.height,
      rx: topic === undefined ? 8 : 23,
    }),
    shape('text', { x: x(column) + box.width / 2, y: y(lane) + 20, class: 'name' }, shortened(title)),
    shape('text', { x: x(column) + box.width / 2, y: y(lane) + 36, class: 'kind' }, below),
  )
}

function drawEdge({ from, to, output }, place, x, y) {
  const start = place.get(from)
  const end = place.get(to)
  const x1 = x(start.column) + box.width
  const y1 = y(start.lane) + box.height / 2
  const x2 = x(end.column)
  const y2 = y(end.lane) + box.height / 2
  const turn = x1 + gap.x
  const middle = x1 + gap.x / 2
  const curve = y1 === y2 ? '' : `C ${middle} ${y1} ${middle} ${y2} ${turn} ${y2}`
  const title = shape('title')
  const line = shape('path', { class: 'edge', d: `M ${x1} ${y1} ${curve} H ${x2}` }, title)
  const rate = shape('text', { x: x2 - gap.x / 2, y: y2 - 9, class: 'rate' })
  const name = output === 'out' ? '' : output
  const label = shape('g', {}, rate, shape('text', { x: x2 - gap.x / 2, y: y2 + 16, class: 'output' }, name))
  return { line, label, figures: { line, rate, title } }
}

function frames(nodes, place, x, y) {
  const ids = [...new Set(nodes.map(node => node.subTopology))]
  return ids.map(id => {
    const places = nodes.filter(node => node.subTopology === id).map(node => place.get(node.name))
    const lanes = places.map(({ lane }) => lane)
    const right = Math.max(...places.map(({ column }) => column))
    const top = y(Math.min(...lanes)) - 18
    return shape(
      'g',
      { class: 'frame' },
      shape('text', { x: x(0), y: top + 4 }, `Sub-topology ${id}`),
      shape('title', {}, `Sub-topology ${id}: ${places.length} operators, to column ${right + 1}`),
    )
  })
}

function shortened(text) {
  return text.length <= 21 ? text : `${text.slice(0, 20)}…`
}

/** The drawing for those who do not see it. */
function words(nodes, edges) {
  const titles = new Map(nodes.map(({ name, topic }) => [name, topic ?? name]))
  return edges.map(({ from, to }) => `${titles.get(from)} to ${titles.get(to)}`).join(', ')
}
