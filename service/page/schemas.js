/** The page of schemas: all subjects, or with `?subject=` one with its versions. */
import { byId, element, setText, showList } from './elements.js'
import * as format from './format.js'
import { ask } from './node.js'
import { keepLooking } from './polling.js'

/** Milliseconds between two looks. */
const lookAgain = 10_000

const subject = new URLSearchParams(location.search).get('subject')

async function lookAtAll() {
  const { subjects } = await ask('api/schemas')
  setText(byId('subjects'), format.count(subjects.length))
  byId('no-subjects').hidden = subjects.length > 0
  showList(
    byId('subject-list'),
    subjects,
    name => name,
    name =>
      element('li', {}, element('a', { href: `schemas.html?subject=${encodeURIComponent(name)}` }, name)),
  )
}

async function lookAtOne() {
  const { compatibility, versions, earlier } = await ask(`api/schemas/${encodeURIComponent(subject)}`)
  setText(byId('compatibility'), compatibility ?? 'nothing is checked')
  const topic = subject.replace(/-(key|value)$/, '')
  if (topic === subject) setText(byId('subject-topic'), '–')
  else
    byId('subject-topic').replaceChildren(
      element('a', { href: `topics.html?topic=${encodeURIComponent(topic)}` }, topic),
    )
  const newest = versions.at(-1)?.version
  showList(
    byId('versions'),
    versions.toReversed(),
    ({ version, id }) => `${version} ${id}`,
    ({ version, id, type, text }) =>
      element(
        'details',
        { open: version === newest ? '' : undefined },
        element(
          'summary',
          {},
          element('strong', {}, `Version ${version}`),
          ` id ${id}, ${type === 'AVRO' ? nameOf(text) : type}`,
        ),
        element('pre', { tabindex: 0, 'aria-label': `Schema of version ${version}` }, pretty(text)),
      ),
  )
  setText(byId('earlier'), earlier.length === 0 ? '' : `${earlier.length} earlier versions are not shown.`)
}

function nameOf(text) {
  try {
    const { name, namespace, fields } = JSON.parse(text)
    const full = namespace === undefined ? name : `${namespace}.${name}`
    return fields === undefined ? (full ?? 'AVRO') : `${full}, ${fields.length} fields`
  } catch {
    return 'AVRO'
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

if (subject === null) {
  keepLooking(lookAtAll, lookAgain)
} else {
  document.title = `${subject} – Ticker Watch`
  setText(byId('title'), subject)
  byId('list').hidden = true
  byId('facts').hidden = true
  byId('subject').hidden = false
  keepLooking(lookAtOne, lookAgain)
}
