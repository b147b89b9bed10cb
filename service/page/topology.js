/**
 * The topology as a drawing, left to right: an operator stands one column right of its parents, and each branch has a
 * lane of its own, so that no line runs through a box. Drawn once; then only its figures change.
 */
import { byId, element, setText, shape } from './elements.js'
import * as format from './format.js'

const box = { width: 162, height: 48 }
/** With figures in the boxes and on the lines. */
const detailed = { height: 66, gap: 84 }
const gap = { x: 58, y: 34 }
const margin = { top: 28, side: 14, bottom: 14 }

let drawn = ''
/** What changes of each edge: by position in the list. */
let figures = []
/** And of each node, by name. */
let boxes = new Map()

/**
 * @param {object} topology
 * @param {ReadonlyMap<string, number>} [lag] by topic: figures stand in the boxes and on the lines then
 */
export function showTopology({ nodes, edges }, lag) {
  const structure = JSON.stringify([nodes, edges.map(({ from, to, output }) => [from, to, output])])
  if (structure !== drawn) {
    if (lag !== undefined) {
      box.height = detailed.height
      gap.x = detailed.gap
    }
    draw(nodes, edges)
  }
  drawn = structure
  if (lag !== undefined) showFigures(nodes, edges, lag)
  const stores = storesOf(nodes)
  edges.forEach(({ from, total, perSecond }, index) => {
    if (stores.has(from)) return
    const { line, rate, title } = figures[index]
    const active = perSecond > 0
    line.classList.toggle('active', active)
    line.style.strokeWidth = `${active ? Math.min(6, 1.5 + Math.log10(1 + perSecond)) : 1.5}px`
    setText(rate, perSecond === undefined ? '' : `${format.rate(perSecond)}/s`)
    setText(title, `${format.count(total)} records in total`)
  })
}

function showFigures(nodes, edges, lag) {
  const sum = (side, name, isMeant = () => true) =>
    edges.filter(edge => edge[side] === name && isMeant(edge)).reduce((total, edge) => total + edge.total, 0)
  for (const { name, kind, topic } of nodes) {
    if (kind === 'store') continue
    const late = sum('from', name, isLate)
    const waiting = (topic ?? '').split(', ').reduce((total, each) => total + (lag.get(each) ?? 0), 0)
    const parts = kind === 'source' ? [`lag ${format.rate(waiting)}`] : [`${format.rate(sum('to', name))} in`]
    if (late > 0) parts.push(`${format.rate(late)} late`)
    const { figure } = boxes.get(name)
    setText(figure, parts.join(', '))
    figure.classList.toggle('late', late > 0 || (kind === 'source' && waiting > 0))
  }
  const stores = storesOf(nodes)
  edges.forEach((edge, index) => {
    if (stores.has(edge.from)) return
    const { name, line } = figures[index]
    const total = format.rate(edge.total)
    setText(name, edge.output === 'out' ? total : `${edge.output} ${total}`)
    const isMarked = isLate(edge) && edge.total > 0
    name.classList.toggle('late', isMarked)
    line.classList.toggle('late', isMarked)
  })
}

/** A store is connected with what uses it; no records pass. */
const storesOf = nodes => new Set(nodes.filter(({ kind }) => kind === 'store').map(({ name }) => name))

const isLate = ({ output }) => output === 'late'

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
  const drawnNodes = nodes.map(node => drawNode(node, place.get(node.name), x, y))
  boxes = new Map(nodes.map(({ name }, index) => [name, drawnNodes[index]]))
  const picture = shape(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': words(nodes, edges) },
    ...titles(nodes, place, x, y),
    ...parts.map(part => part.line),
    ...drawnNodes.map(({ group }) => group),
    ...parts.map(part => part.label),
  )
  // Never smaller than one can read; a narrow window scrolls.
  picture.style.minWidth = `${Math.round(width * 0.72)}px`
  picture.style.maxWidth = `${Math.round(width * 1.15)}px`
  byId('topology').replaceChildren(
    nodes.length === 0 ? element('p', { class: 'empty' }, 'The topology is empty.') : picture,
  )
}

/**
 * Column and lane of each node. The first child goes on in its parent's lane; another one begins the next lane that is
 * free as far as its own line of first children reaches, and one column before it, where its edge comes in.
 */
function layout(nodes, edges) {
  const childrenOf = name => edges.filter(edge => edge.from === name).map(edge => edge.to)
  const parentsOf = name => edges.filter(edge => edge.to === name).map(edge => edge.from)
  const columns = new Map()
  // Parents come before their children in the list.
  for (const { name } of nodes) {
    columns.set(name, Math.max(-1, ...parentsOf(name).map(parent => columns.get(parent) ?? -1)) + 1)
  }

  // What nothing comes into, as a store, stands just before what it goes into: its line would run through boxes.
  for (const { name } of nodes) {
    const children = childrenOf(name).map(child => columns.get(child))
    if (parentsOf(name).length === 0 && children.length > 0) columns.set(name, Math.min(...children) - 1)
  }

  const place = new Map()
  /** The stretches taken of each lane, from the first column to the last. */
  const lanes = []
  const isFree = (lane, first, last) =>
    (lanes[lane] ?? []).every(stretch => stretch.last < first || stretch.first > last)
  const begin = (name, lowest) => {
    const line = [name]
    for (;;) {
      const next = childrenOf(line.at(-1)).find(child => !place.has(child) && !line.includes(child))
      if (next === undefined) break
      line.push(next)
    }
    const first = columns.get(name) - 1
    const last = columns.get(line.at(-1))
    let lane = lowest
    while (!isFree(lane, first, last)) lane++
    lanes[lane] = [...(lanes[lane] ?? []), { first, last }]
    for (const each of line) place.set(each, { column: columns.get(each), lane })
    // From the right: the branches that begin last are the nearest.
    for (const each of line.toReversed()) {
      for (const child of childrenOf(each)) if (!place.has(child)) begin(child, lane + 1)
    }
  }
  // A sub-topology stands below the ones before it.
  for (const { name } of nodes.toSorted((a, b) => a.subTopology - b.subTopology)) {
    if (!place.has(name)) begin(name, lanes.length)
  }
  return place
}

function drawNode({ name, kind, topic, store }, { column, lane }, x, y) {
  const title = topic ?? name
  const below = topic !== undefined ? `${kind} topic` : store !== undefined ? `${kind}, keeps state` : kind
  const middle = x(column) + box.width / 2
  const figure = shape('text', { x: middle, y: y(lane) + 56, class: 'figure-line' })
  const group = shape(
    'g',
    { class: `node ${topic !== undefined ? 'topic' : store !== undefined ? 'stateful' : ''}` },
    shape('title', {}, `${name} (${kind})`),
    shape('rect', {
      x: x(column),
      y: y(lane),
      width: box.width,
      height: box.height,
      rx: topic === undefined ? 8 : box.height / 2 - 1,
    }),
    shape(
      'text',
      { x: middle, y: y(lane) + 21, class: 'name' },
      shortened(title, topic === undefined ? 19 : 21),
    ),
    shape('text', { x: middle, y: y(lane) + 38, class: 'kind' }, below),
    figure,
  )
  return { group, figure }
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
  // Beside the curve where there is one, else above and below the line.
  const beside = y1 !== y2
  const spot = beside
    ? { x: middle - 4, 'text-anchor': 'end' }
    : { x: x2 - gap.x / 2, 'text-anchor': 'middle' }
  const rate = shape('text', { ...spot, y: beside ? y2 + 2 : y2 - 9, class: 'rate' })
  const name = shape('text', { ...spot, y: y2 + 16, class: 'output' }, output === 'out' ? '' : output)
  return { line, label: shape('g', {}, rate, name), figures: { line, rate, name, title } }
}

/** A title above each sub-topology. */
function titles(nodes, place, x, y) {
  const ids = [...new Set(nodes.map(node => node.subTopology))]
  return ids.map(id => {
    const lanes = nodes.filter(node => node.subTopology === id).map(node => place.get(node.name).lane)
    return shape(
      'text',
      { class: 'sub-topology', x: x(0), y: y(Math.min(...lanes)) - 12 },
      `Sub-topology ${id}`,
    )
  })
}

/** Names of topics are written smaller. */
function shortened(text, most) {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}

/** The drawing for those who do not see it. */
function words(nodes, edges) {
  const titles = new Map(nodes.map(({ name, topic }) => [name, topic ?? name]))
  return edges.map(({ from, to }) => `${titles.get(from)} to ${titles.get(to)}`).join(', ')
}
