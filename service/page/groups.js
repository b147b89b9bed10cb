/** The page of consumer groups: all of them, or with `?group=` one with its members and positions. */
import { byId, setText } from './elements.js'
import * as format from './format.js'
import { ask } from './node.js'
import { keepLooking } from './polling.js'
import { chip, link, number, showRows } from './table.js'

/** Milliseconds between two looks: at all, and at one. */
const lookAtAllAgain = 5_000
const lookAtOneAgain = 2_000

const sum = numbers => numbers.reduce((total, each) => total + each, 0)
const group = new URLSearchParams(location.search).get('group')

/** Neither well nor bad is a group that nobody reads for at present. */
const stateChip = state =>
  chip(
    state,
    state === 'Stable' ? 'in-force' : state === 'Empty' ? undefined : state === 'Dead' ? 'refused' : 'unsure',
  )

async function lookAtAll() {
  const { groups } = await ask('api/groups')
  setText(
    byId('state'),
    `${groups.filter(({ state }) => state === 'Stable').length} of ${groups.length} stable`,
  )
  setText(byId('members'), format.count(sum(groups.map(({ members }) => members))))
  setText(byId('lag'), format.count(sum(groups.flatMap(({ lag }) => lag ?? []))))
  byId('no-groups').hidden = groups.length > 0
  showRows(
    byId('groups'),
    groups,
    each => each.group,
    ({ group, state, members, lag, unknown, topics }) => [
      link(group, `groups.html?group=${encodeURIComponent(group)}`),
      stateChip(state),
      number(format.count(members)),
      number(lagInWords(lag, unknown)),
      { text: topics.join(', '), class: 'wrap' },
    ],
  )
}

async function lookAtOne() {
  const { state, lag, unknown, membership, positions } = await ask(`api/groups/${encodeURIComponent(group)}`)
  setText(byId('state'), state)
  setText(byId('members'), format.count(membership.length))
  setText(byId('lag'), lagInWords(lag, unknown))
  byId('no-members').hidden = membership.length > 0
  const clients = new Map(membership.map(({ memberId, clientId }) => [memberId, clientId]))
  showRows(
    byId('member-rows'),
    membership,
    each => each.memberId,
    ({ memberId, clientId, host, partitions }) => [
      { text: clientId, class: 'wrap' },
      host ?? 'this process',
      number(format.count(partitions.length)),
      number(lagOf(positions.filter(each => each.memberId === memberId))),
      { text: assigned(partitions), class: 'wrap' },
    ],
  )
  showRows(
    byId('position-rows'),
    positions,
    ({ topic, partition }) => `${topic} ${partition}`,
    ({ topic, partition, committed, end, lag, memberId }) => [
      link(topic, `topics.html?topic=${encodeURIComponent(topic)}`),
      number(String(partition)),
      number(committed === undefined ? 'never' : format.count(committed)),
      number(format.count(end)),
      number(format.count(lag)),
      clients.get(memberId) ?? '–',
    ],
  )
}

function lagOf(positions) {
  const known = positions.flatMap(({ lag }) => lag ?? [])
  const lag = known.length === 0 && positions.length > 0 ? undefined : sum(known)
  return lagInWords(lag, positions.length - known.length)
}

const lagInWords = (lag, unknown) => `${format.count(lag)}${unknown > 0 ? ` (${unknown} unknown)` : ''}`

/** `readings 0–3, 5; late 0` */
function assigned(partitions) {
  const topics = Map.groupBy(partitions, ({ topic }) => topic)
  const parts = [...topics].map(
    ([topic, list]) => `${topic} ${ranges(list.map(({ partition }) => partition))}`,
  )
  return parts.join('; ') || 'none'
}

function ranges(numbers) {
  const stretches = []
  for (const each of numbers.toSorted((a, b) => a - b)) {
    const last = stretches.at(-1)
    if (last !== undefined && last.to + 1 === each) last.to = each
    else stretches.push({ from: each, to: each })
  }
  return stretches.map(({ from, to }) => (from === to ? String(from) : `${from}–${to}`)).join(', ')
}

if (group === null) {
  keepLooking(lookAtAll, lookAtAllAgain)
} else {
  document.title = `${group} – Ticker Watch`
  setText(byId('title'), group)
  byId('list').hidden = true
  byId('group').hidden = false
  keepLooking(lookAtOne, lookAtOneAgain)
}
