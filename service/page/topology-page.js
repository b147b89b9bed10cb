/** The page of the topology: what passes, on which node each task runs, what its standbys lack and what is restored. */
import { byId, element, setText, showList } from './elements.js'
import * as format from './format.js'
import { ask } from './node.js'
import { keepLooking } from './polling.js'
import { chip, number, showRows } from './table.js'
import { showTopology } from './topology.js'

/** Milliseconds between two looks. */
const lookAgain = 1_000

const sum = numbers => numbers.reduce((total, each) => total + each, 0)
/** Records that a store had to read when its restore was first seen here, by task and store. */
const first = new Map()
let answers

async function look() {
  const [{ node: here, nodes }, { topology, lag }] = await Promise.all([ask('api/nodes'), ask('api/status')])
  answers = { here, nodes, topology, lag }
  show()
}

function show() {
  const { here, nodes, topology, lag } = answers
  const seen = nodes.flatMap(({ figures }) => figures ?? [])
  const waiting = new Map()
  for (const each of lag) waiting.set(each.topic, (waiting.get(each.topic) ?? 0) + Math.max(0, each.lag))

  showChoice(nodes)
  const chosen = nodes.filter(({ node }) => byId('whose').value === '' || node === byId('whose').value)
  const edges = topology.edges.map(edge => together(edge, chosen))
  showTopology({ nodes: topology.nodes, edges }, waiting)

  const late = sum(edges.filter(({ output }) => output === 'late').map(({ total }) => total))
  const restoring = seen.flatMap(each => each.restoring)
  setText(byId('node-count'), format.count(nodes.length))
  setText(byId('restoring-count'), format.count(restoring.length))
  setText(byId('lag'), format.count(sum([...waiting.values()])))
  setText(byId('late'), format.count(late))
  showNodes(nodes, here)
  const parts = partsOf(topology)
  const tasks = tasksOf(parts, nodes, lag)
  setText(byId('task-count'), format.count(tasks.length))
  showTasks(tasks)
  showParts(parts, tasks)
}

/** The choice stays while nodes come and go. */
function showChoice(nodes) {
  showList(
    byId('whose'),
    ['', ...nodes.map(({ node }) => node)],
    name => name,
    name => element('option', { value: name }, name === '' ? 'all nodes' : name),
  )
}

/** An edge with the figures of these nodes. */
function together({ from, to, output }, nodes) {
  const same = nodes.flatMap(({ figures }) =>
    (figures?.edges ?? []).filter(each => each.from === from && each.to === to && each.output === output),
  )
  const rates = same.flatMap(({ perSecond }) => perSecond ?? [])
  const perSecond = rates.length === 0 ? undefined : sum(rates)
  return { from, to, output, total: sum(same.map(({ total }) => total)), perSecond }
}

function showNodes(nodes, here) {
  showRows(
    byId('nodes'),
    nodes,
    ({ node }) => node,
    ({ node, endpoint, tasks, standbys, figures, trouble }) => [
      { text: node, class: 'wrap' },
      trouble !== undefined
        ? { text: trouble, class: 'wrap bad' }
        : figures.restoring.length > 0
          ? chip('restoring', 'unsure')
          : chip(node === here ? 'this one' : 'answers', 'in-force'),
      endpoint ?? '–',
      number(format.rate(figures?.readingsPerSecond)),
      { text: listed(tasks), class: 'wrap' },
      { text: listed(standbys.map(({ task }) => task)), class: 'wrap' },
    ],
  )
}

const listed = names => names.toSorted(byTask).join(', ') || 'none'

/** `1_10` after `1_9`. */
function byTask(a, b) {
  return a.localeCompare(b, 'en', { numeric: true })
}

function partsOf({ nodes }) {
  const parts = Map.groupBy(nodes, ({ subTopology }) => subTopology)
  const topicsOf = (list, kind) =>
    list.filter(each => each.kind === kind).flatMap(({ topic }) => topic.split(', '))
  return [...parts].map(([id, list]) => ({
    id,
    reads: topicsOf(list, 'source'),
    writes: topicsOf(list, 'sink'),
    keeps: list.flatMap(({ store }) => store ?? []),
  }))
}

/** Those that run somewhere, and those that should: one for each partition of what a sub-topology reads. */
function tasksOf(parts, nodes, lag) {
  const inputs = new Map()
  for (const { id, reads } of parts) {
    for (const each of lag.filter(({ topic }) => reads.includes(topic))) {
      const task = `${id}_${each.partition}`
      inputs.set(task, (inputs.get(task) ?? 0) + Math.max(0, each.lag))
    }
  }
  const known = nodes.flatMap(({ tasks, standbys, figures }) => [
    ...tasks,
    ...standbys.map(({ task }) => task),
    ...(figures?.restoring ?? []).map(({ task }) => task),
  ])
  return [...new Set([...inputs.keys(), ...known])].toSorted(byTask).map(task => ({
    task,
    lag: inputs.get(task),
    runsOn: nodes.filter(({ tasks }) => tasks.includes(task)).map(({ node }) => node),
    standbys: nodes.flatMap(({ node, standbys }) =>
      standbys.filter(each => each.task === task).map(each => ({ node, lag: each.lag })),
    ),
    restoring: nodes.flatMap(({ node, figures }) =>
      (figures?.restoring ?? []).filter(each => each.task === task).map(each => ({ node, ...each })),
    ),
  }))
}

function showTasks(tasks) {
  showRows(
    byId('tasks'),
    tasks,
    ({ task }) => task,
    ({ task, lag, runsOn, standbys, restoring }) => [
      task,
      runsOn.length > 0
        ? { text: runsOn.join(', '), class: 'wrap' }
        : restoring.length > 0
          ? chip(`begins on ${restoring[0].node}`, 'unsure')
          : chip('nobody', 'refused'),
      number(format.count(lag)),
      {
        text: standbys.map(({ node, lag }) => `${node}: ${format.count(lag)}`).join(', ') || 'none',
        class: 'wrap',
      },
      {
        text: restoring.map(each => `${each.store}: ${format.count(each.left)} left`).join(', ') || '–',
        content: restoring.length === 0 ? undefined : () => restoring.map(progress),
      },
    ],
  )
}

function progress({ node, task, store, left }) {
  const key = `${node} ${task} ${store}`
  const most = Math.max(left, first.get(key) ?? 0)
  first.set(key, most)
  const text = `${store}: ${format.count(left)} left`
  return element(
    'div',
    { class: 'restore' },
    element('progress', { max: Math.max(1, most), value: most - left, 'aria-label': `${task} ${text}` }),
    ` ${text}`,
  )
}

function showParts(parts, tasks) {
  showRows(
    byId('parts'),
    parts,
    ({ id }) => String(id),
    ({ id, reads, keeps, writes }) => [
      `Sub-topology ${id}`,
      { text: reads.join(', ') || '–', class: 'wrap' },
      { text: keeps.join(', ') || 'nothing', class: 'wrap' },
      { text: writes.join(', ') || '–', class: 'wrap' },
      number(format.count(tasks.filter(({ task }) => task.startsWith(`${id}_`)).length)),
    ],
  )
}

byId('whose').addEventListener('change', show)
keepLooking(look, lookAgain)
