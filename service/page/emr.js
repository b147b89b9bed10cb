/** The page of EMR clusters: which there are, and of one of them nodes, cost, how busy it is, and steps. */
import { byId, element, setText, showList } from './elements.js'
import * as format from './format.js'
import { ask, whenSignedIn } from './node.js'
import { showSeries } from './series.js'
import { chip, follow, lasted, troubleOf, when } from './steps.js'

/** Milliseconds between two looks. */
const lookAgain = 15_000

/** The cluster that is shown: the one asked for, or else the newest. */
let chosen = new URLSearchParams(location.search).get('id') ?? undefined

async function act(action, trouble = 'trouble') {
  try {
    await action()
    setText(byId(trouble), '')
  } catch (error) {
    setText(byId(trouble), troubleOf(error))
  }
}

async function look() {
  const { configured, toDo, clusters = [] } = await ask('api/emr/clusters')
  setText(byId('to-do'), configured ? '' : `No cluster is configured. ${toDo}`)
  byId('all').hidden = !configured
  byId('no-clusters').hidden = clusters.length > 0
  chosen ??= clusters[0]?.id
  showClusters(clusters)
  if (configured && chosen !== undefined) await showCluster(chosen)
}

function showClusters(clusters) {
  showList(
    byId('clusters'),
    clusters,
    ({ id, state }) => `${id} ${state} ${id === chosen}`,
    ({ id, state, createdAt, endedAt, reason }) =>
      element(
        'tr',
        { 'aria-current': id === chosen ? 'true' : undefined },
        element('th', { scope: 'row' }, choose(id)),
        element('td', {}, chip(state)),
        element('td', { class: 'time' }, when(createdAt)),
        element('td', { class: 'time' }, when(endedAt)),
        element('td', {}, lasted(createdAt, endedAt)),
        element('td', { class: 'words' }, reason ?? ''),
      ),
    (row, { createdAt, endedAt }) => setText(row.children[4], lasted(createdAt, endedAt)),
  )
}

function choose(id) {
  const made = element('button', { type: 'button', 'aria-label': `Show ${id}` }, id)
  made.addEventListener('click', () => {
    chosen = id
    history.replaceState(null, '', `?id=${encodeURIComponent(id)}`)
    act(look).then(() => byId('cluster-title').focus())
  })
  return made
}

async function showCluster(id) {
  const path = `api/emr/clusters/${encodeURIComponent(id)}`
  // What is shown of another one is not taken for this one's, should that fail.
  if (byId('cluster').dataset.id !== id) byId('cluster').hidden = true
  const details = await ask(path)
  byId('cluster').dataset.id = id
  byId('cluster').hidden = false
  setText(byId('cluster-title'), `Cluster ${id}: ${details.state.toLowerCase().replaceAll('_', ' ')}`)
  const facts = {
    Name: details.name,
    Release: details.release,
    Zone: details.zone ?? '–',
    'Started within': lasted(details.createdAt, details.readyAt ?? Number.NaN),
    Tags: Object.entries(details.tags)
      .map(([name, value]) => `${name}=${value}`)
      .join(', '),
  }
  showList(
    byId('facts'),
    Object.entries(facts),
    ([name, text]) => `${name} ${text}`,
    ([name, text]) => element('div', {}, element('dt', {}, name), element('dd', {}, text || '–')),
  )
  showGroups(details)
  showCost(details)
  byId('no-steps').hidden = details.steps.length > 0
  byId('steps').replaceChildren(...details.steps.map(stepRow))
  await act(async () => {
    const { series, from, to } = await ask(`${path}/utilisation`)
    byId('no-use').hidden = series.some(({ points }) => points.length > 0)
    showSeries(
      byId('utilisation'),
      series.filter(({ points }) => points.length > 0),
      { from, to },
    )
  }, 'use-trouble')
}

const roles = { MASTER: 'primary', CORE: 'core', TASK: 'task' }

function showGroups({ groups, hasFleets }) {
  byId('no-groups').hidden = groups.length > 0
  setText(
    byId('no-groups'),
    hasFleets ? 'It is made of instance fleets, which are not looked into here.' : 'EMR names none.',
  )
  byId('groups').replaceChildren(
    ...groups.map(({ role, type, running, requested, market, state }) =>
      element(
        'tr',
        {},
        element('th', { scope: 'row' }, roles[role] ?? role),
        element('td', {}, type),
        element('td', { class: 'number' }, format.count(running)),
        element('td', { class: 'number' }, format.count(requested)),
        element('td', {}, market === 'SPOT' ? 'spot' : 'on demand'),
        element('td', {}, chip(state)),
      ),
    ),
  )
}

function showCost({ cost, endedAt }) {
  const { currency, perHour, soFar, region, asOf, withoutPrice, hasSpot } = cost
  const money = value =>
    value === null ? '–' : `≈ ${value.toLocaleString('en', { style: 'currency', currency })}`
  setText(byId('cost'), money(soFar))
  setText(
    byId('cost-rate'),
    perHour === null
      ? 'No type of these nodes has a price here.'
      : `${money(perHour)} an hour, ${endedAt === null ? 'as if these nodes had been there since it was made' : 'of the nodes asked for, from when it was made to its end'}`,
  )
  const notes = [
    `An estimate, by prices of ${region} as of ${asOf}: EC2 on demand, and EMR’s charge.`,
    'Not in it: disks, S3, CloudWatch, data transfer, taxes, discounts.',
    hasSpot && 'Spot nodes are counted at the price on demand; they cost less.',
    withoutPrice.length > 0 && `Left out, without a price: ${withoutPrice.join(', ')}.`,
    'Other prices can be set in the configuration (prices).',
  ]
  setText(byId('cost-note'), notes.filter(Boolean).join(' '))
}

function stepRow({ id, job, name, state, createdAt, startedAt, endedAt, reason }) {
  return element(
    'tr',
    {},
    element('th', { scope: 'row' }, id),
    element(
      'td',
      {},
      job === null ? name : element('a', { href: `spark.html?job=${encodeURIComponent(job)}` }, job),
    ),
    element('td', {}, chip(state)),
    element('td', { class: 'time' }, when(createdAt)),
    element('td', {}, lasted(startedAt, endedAt)),
    element('td', { class: 'words' }, reason ?? ''),
  )
}

whenSignedIn(() => act(look))
follow(() => act(look), lookAgain)
