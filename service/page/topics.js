/** The page of topics: all of them, or with `?topic=` one with its partitions, its configuration and its records. */
import { byId, element, setText, showList } from './elements.js'
import * as format from './format.js'
import { ask } from './node.js'
import { keepLooking } from './polling.js'
import { showSearch } from './records.js'
import { chip, link, number, showRows } from './table.js'

/** Milliseconds between two looks. */
const lookAgain = 5_000

const sum = numbers => numbers.reduce((total, each) => total + each, 0)
const topic = new URLSearchParams(location.search).get('topic')
let listed = []

async function lookAtAll() {
  listed = (await ask('api/topics')).topics
  setText(byId('partitions'), format.count(sum(listed.map(each => each.partitions))))
  setText(byId('records'), format.count(sum(listed.map(each => each.offsets))))
  setText(byId('size'), format.size(sum(listed.map(each => each.bytes))))
  showAll()
}

function showAll() {
  const wanted = byId('filter').value.trim().toLowerCase()
  const shown = listed.filter(each => each.topic.toLowerCase().includes(wanted))
  byId('no-topics').hidden = shown.length > 0
  showRows(
    byId('topics'),
    shown,
    each => each.topic,
    ({ topic, partitions, offsets, bytes, cleanup, offline, underReplicated }) => [
      link(topic, `topics.html?topic=${encodeURIComponent(topic)}`),
      number(format.count(partitions)),
      number(format.count(offsets)),
      number(format.size(bytes)),
      cleanup,
      offline > 0
        ? chip(`${offline} without a leader`, 'refused')
        : underReplicated > 0
          ? chip(`${underReplicated} not in sync`, 'unsure')
          : 'in sync',
    ],
  )
}

async function lookAtOne() {
  const { partitions, settings } = await ask(`api/topics/${encodeURIComponent(topic)}`)
  setText(byId('partitions'), format.count(partitions.length))
  setText(byId('records'), format.count(sum(partitions.map(({ start, end }) => end - start))))
  setText(byId('size'), format.size(sum(partitions.map(each => each.bytes))))
  showRows(
    byId('partition-rows'),
    partitions,
    each => String(each.partition),
    ({ partition, start, end, bytes, leader, replicas, inSync }) => [
      number(String(partition)),
      number(format.count(start)),
      number(format.count(end)),
      number(format.count(end - start)),
      number(format.size(bytes)),
      leader !== undefined ? String(leader) : replicas.length > 0 ? chip('none', 'refused') : '–',
      replicas.join(', ') || '–',
      inSync.length < replicas.length
        ? chip(inSync.join(', ') || 'none', 'unsure')
        : inSync.join(', ') || '–',
    ],
  )
  const own = settings.filter(each => each.own)
  const defaults = settings.filter(each => !each.own)
  showSettings(byId('own-settings'), own)
  showSettings(byId('default-settings'), defaults)
  byId('no-settings').hidden = own.length > 0
  byId('defaults').hidden = defaults.length === 0
  return partitions
}

function showSettings(parent, settings) {
  showList(
    parent,
    settings,
    ({ name, value }) => `${name} ${value}`,
    ({ name, value = 'a secret' }) =>
      element('div', {}, element('dt', {}, name), element('dd', {}, value === '' ? '(empty)' : value)),
  )
}

if (topic === null) {
  byId('filter').addEventListener('input', showAll)
  keepLooking(lookAtAll, lookAgain)
} else {
  document.title = `${topic} – Ticker Watch`
  setText(byId('title'), topic)
  byId('list').hidden = true
  byId('topic').hidden = false
  let isFirst = true
  keepLooking(async () => {
    const partitions = await lookAtOne()
    if (isFirst) showSearch(topic, partitions)
    isFirst = false
  }, lookAgain)
}
