/** Records of a topic: searched for, or followed as they come. */
import { byId, element, setText, showList } from './elements.js'
import * as format from './format.js'
import { ask, whenSignedIn } from './node.js'

/** Milliseconds between two looks at what came. */
const followEvery = 1_000
/** Records on the page at most. */
const shownAtMost = 200
/** Characters of a value on its line. */
const lineLength = 160

let topic = ''
let shown = []
/** What the search goes on with, if it can: `{ filters, positions }`. */
let rest
let following
let isBusy = false

/** Called once the topic is known to exist. */
export function showSearch(name, partitions) {
  topic = name
  byId('partition').append(...partitions.map(({ partition }) => element('option', {}, String(partition))))
  const given = new URLSearchParams(location.search)
  for (const id of ['from', 'partition', 'key', 'offset']) {
    const value = given.get(id)
    if (value !== null) byId(id).value = value
  }
  byId('from').addEventListener('change', showStart)
  byId('search').addEventListener('submit', event => {
    event.preventDefault()
    unfollow()
    search()
  })
  byId('live').addEventListener('click', () => (following === undefined ? follow() : unfollow()))
  byId('more').addEventListener('click', () => goOn())
  whenSignedIn(() => search())
  showStart()
  search()
}

function showStart() {
  const from = byId('from').value
  byId('offset-label').hidden = from !== 'offset'
  byId('time-label').hidden = from !== 'time'
}

/** What the form asks for. @throws Error when it is not complete */
function asked() {
  const from = byId('from').value
  const partition = byId('partition').value
  const key = byId('key').value
  const time = Date.parse(`${byId('time').value}Z`)
  if (from === 'time' && Number.isNaN(time)) throw new Error('Say at which time, in UTC.')
  const start = from === 'offset' ? { offset: byId('offset').value } : from === 'time' ? {} : { from }
  const filters = {
    ...(partition !== '' && { partition }),
    ...(key !== '' && { [byId('key-format').value]: key.trim() }),
    ...(from === 'time' && { time }),
    limit: byId('limit').value,
  }
  return { start, filters }
}

async function find(query) {
  const path = `api/topics/${encodeURIComponent(topic)}/records?${new URLSearchParams(query)}`
  return await ask(path)
}

/** One search at a time; trouble is said where it was asked. */
async function act(action) {
  if (isBusy) return
  isBusy = true
  byId('search').setAttribute('aria-busy', 'true')
  setText(byId('search-trouble'), '')
  try {
    await action()
  } catch (error) {
    setText(byId('search-trouble'), error.message)
    if (following !== undefined) unfollow()
  } finally {
    isBusy = false
    byId('search').removeAttribute('aria-busy')
  }
}

const search = () =>
  act(async () => {
    const { start, filters } = asked()
    remember(start, filters)
    const found = await find({ ...start, ...filters })
    show(found, found.records)
    canGoOn(found, start.from === 'newest' ? undefined : filters)
  })

const goOn = () =>
  act(async () => {
    const { filters, positions } = rest
    const found = await find({ ...filters, positions })
    show(found, found.records)
    canGoOn(found, filters)
  })

function canGoOn({ looked, ended }, filters) {
  rest = filters && { filters, positions: positionsOf(looked, 'to') }
  byId('more').hidden = rest === undefined || ended === 'end'
}

/** The address says what is shown, so that it can be sent to somebody. */
function remember({ from = 'offset', offset }, { partition, key, time }) {
  const query = { topic, from, offset, partition, key }
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  if (time === undefined) history.replaceState(null, '', `?${new URLSearchParams(given)}`)
}

function follow() {
  byId('live').setAttribute('aria-pressed', 'true')
  setText(byId('live'), 'Stop following')
  let positions
  const look = () =>
    act(async () => {
      const { filters } = asked()
      const found = await find({
        ...filters,
        ...(positions === undefined ? { from: 'newest' } : { positions }),
      })
      const isFirst = positions === undefined
      // Who reads more slowly than others write leaves something out, and says so.
      positions = positionsOf(found.looked, 'end')
      canGoOn(found, undefined)
      show(found, isFirst ? found.records : [...found.records.toReversed(), ...shown])
      const left = found.looked.reduce((sum, { to, end }) => sum + end - to, 0)
      setText(
        byId('looked'),
        left > 0 ? `live; ${format.count(left)} offsets were left out, they come too fast` : 'live',
      )
    })
  const again = async () => {
    if (!document.hidden) await look()
    if (following !== undefined) following = setTimeout(again, followEvery)
  }
  following = setTimeout(again, 0)
}

function unfollow() {
  clearTimeout(following)
  following = undefined
  byId('live').setAttribute('aria-pressed', 'false')
  setText(byId('live'), 'Follow live')
}

const positionsOf = (looked, which) =>
  looked.map(({ partition, [which]: position }) => `${partition}:${position}`).join(',')

function show({ looked, missing, scanned, ended }, records) {
  shown = records.slice(0, shownAtMost)
  byId('found').hidden = shown.length === 0
  setText(byId('looked'), inWords(records.length, looked, scanned, ended) + missingInWords(missing))
  showList(
    byId('found-records'),
    shown,
    ({ partition, offset }) => `${partition} ${offset}`,
    ({ partition, offset, timestamp, key, value, headers }) =>
      element(
        'tr',
        {},
        element('td', { class: 'number' }, String(partition)),
        element('td', { class: 'number' }, String(offset)),
        element('td', { class: 'time' }, format.stamp(timestamp)),
        element('td', { class: 'key' }, line(key)),
        element('td', { class: 'value' }, shownValue(value, headers)),
      ),
  )
}

const reasons = {
  end: 'that is all there is',
  limit: 'as many as asked for',
  found: 'as much as the page shows at once',
  records: 'it looked at no more at once',
  bytes: 'it looked at no more at once',
  milliseconds: 'it took no more time',
}

function inWords(count, looked, { records, bytes, milliseconds }, ended) {
  const where = looked
    .filter(({ from, to }) => to > from)
    .map(({ partition, from, to, start, end }) => `${partition}: ${from} to ${to} of ${start} to ${end}`)
  const places = where.slice(0, 8).join('; ') + (where.length > 8 ? ` and ${where.length - 8} more` : '')
  return `${format.count(count)} found: ${reasons[ended]}. Looked at ${format.count(records)} records, ${format.size(bytes)}, in ${format.decimal(milliseconds / 1000)} s${places === '' ? '' : `; by partition and offset ${places}`}.`
}

const missingInWords = missing =>
  missing.length === 0 ? '' : ` Nobody answers for partition ${missing.join(', ')}: not looked at.`

/** A value on one line, which opens. */
function shownValue(value, headers) {
  if (value === null && headers.length === 0) return element('span', { class: 'note' }, 'null: a deletion')
  const { format: kind, bytes, schemaId, problem, cut } = value ?? { format: 'null', bytes: 0 }
  const facts = [
    kind,
    format.size(bytes),
    ...(schemaId === undefined ? [] : [`schema ${schemaId}`]),
    ...(cut ? ['only the beginning'] : []),
  ]
  return element(
    'details',
    {},
    element(
      'summary',
      {},
      ...(problem === undefined ? [] : [element('span', { class: 'chip refused' }, 'not decoded'), ' ']),
      line(value),
    ),
    element('p', { class: 'note' }, facts.join(', ')),
    ...(problem === undefined ? [] : [element('p', { class: 'bad' }, problem)]),
    element('pre', {}, value === null ? 'null' : (value.text ?? JSON.stringify(value.decoded, null, 2))),
    ...headers.map(([name, header]) =>
      element('p', { class: 'note' }, `header ${name}: `, element('code', {}, line(header))),
    ),
  )
}

function line(bytes) {
  if (bytes === null) return 'null'
  const text = bytes.text ?? JSON.stringify(bytes.decoded)
  const prefixed = bytes.format === 'hex' && text !== '' ? `0x${text}` : text
  return prefixed.length > lineLength ? `${prefixed.slice(0, lineLength)}…` : prefixed
}
