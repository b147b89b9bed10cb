/** The page of dead letters: which there are and why, what is in one, and putting them back, tried first. */
import { asText, bytesOf, hexDump } from './bytes.js'
import { byId, element, setText, showList } from './elements.js'
import * as format from './format.js'
import { ask, whenSignedIn } from './node.js'

/** Letters listed. */
const listed = 100

/** What the last try was of; only that can be replayed. */
let tried
/** The letter that is shown. */
let shown

/** What went wrong is said. */
async function act(action) {
  setText(byId('trouble'), '')
  byId('main').setAttribute('aria-busy', 'true')
  try {
    await action()
  } catch (error) {
    setText(byId('trouble'), error.status === 401 ? '' : error.message)
  } finally {
    byId('main').removeAttribute('aria-busy')
  }
}

function filter() {
  const topic = byId('topic').value.trim()
  const code = byId('code').value.trim()
  const since = new Date(byId('since').value).getTime()
  return {
    ...(topic !== '' && { topic }),
    ...(code !== '' && { code }),
    ...(Number.isFinite(since) && { since: Math.max(0, since) }),
  }
}

async function list() {
  const meant = filter()
  history.replaceState(null, '', `?${new URLSearchParams(meant)}`)
  const { counts, letters } = await ask(
    `api/dead-letters?${new URLSearchParams({ ...meant, limit: listed })}`,
  )
  const sum = name => counts.reduce((total, count) => total + count[name], 0)
  const total = sum('letters')
  setText(byId('total'), format.count(total))
  setText(byId('replayed'), format.count(sum('replayed')))
  byId('no-letters').hidden = total > 0
  byId('try').disabled = total === 0
  byId('counts').replaceChildren(...counts.map(countRow))
  suggest(byId('topics'), counts, 'topic')
  suggest(byId('codes'), counts, 'code')
  byId('letters').replaceChildren(...letters.map(letterRow))
  setText(
    byId('more'),
    total > letters.length ? `The newest ${format.count(letters.length)} of ${format.count(total)}.` : '',
  )
}

function suggest(datalist, counts, name) {
  const values = [...new Set(counts.map(count => count[name]))]
  // What is filtered out stays suggested.
  for (const { value } of datalist.children) if (!values.includes(value)) values.push(value)
  datalist.replaceChildren(...values.map(value => element('option', { value })))
}

function countRow({ topic, code, letters, replayed }) {
  const only = element('button', { type: 'button', 'aria-label': `Only ${code} of ${topic}` }, code)
  only.addEventListener('click', () => {
    byId('topic').value = topic
    byId('code').value = code
    leave()
    act(list)
  })
  return element(
    'tr',
    {},
    element('th', { scope: 'row' }, only),
    element('td', {}, topic),
    element('td', { class: 'number' }, format.count(letters)),
    element('td', { class: 'number' }, format.count(replayed)),
  )
}

function letterRow(letter) {
  const open = element(
    'button',
    { type: 'button', 'aria-label': `Inspect letter ${letter.id}` },
    String(letter.id),
  )
  open.addEventListener('click', () => act(() => show(letter.id)))
  const { code, message, stage, operator, time, replayedAt } = letter
  return element(
    'tr',
    {},
    element('td', {}, open),
    element('td', { class: 'time' }, when(time)),
    element('td', { class: 'reason' }, element('strong', {}, code), ` ${message}`),
    element('td', {}, `${stage}, ${operator}`),
    element('td', {}, from(letter)),
    element('td', { class: 'time' }, when(replayedAt)),
  )
}

const from = ({ topic, partition, offset }) =>
  partition < 0 ? `${topic}, not from the log` : `${topic} ${partition}:${offset}`

function when(at) {
  return Number.isFinite(at) ? new Date(at).toISOString().slice(0, 19).replace('T', ' ') : '–'
}

async function show(id) {
  const letter = await ask(`api/dead-letters/${id}`)
  shown = letter
  setText(byId('letter-title'), `Letter ${id}: ${letter.code}`)
  const facts = {
    From: from(letter),
    'Its timestamp (UTC)': when(letter.timestamp),
    'Given up (UTC)': when(letter.time),
    Stage: `${letter.stage}, ${letter.operator}`,
    Application:
      letter.task === undefined ? letter.application : `${letter.application}, task ${letter.task}`,
    'Replayed (UTC)': when(letter.replayedAt),
  }
  showList(
    byId('facts'),
    Object.entries(facts),
    ([name, text]) => `${name} ${text}`,
    ([name, text]) => element('div', {}, element('dt', {}, name), element('dd', {}, text)),
  )
  setText(byId('message'), letter.message)
  const value = bytesOf(letter.value)
  setText(
    byId('decoded'),
    letter.decoded === undefined
      ? 'It cannot be decoded, or its schema is not known here.'
      : JSON.stringify(letter.decoded, null, 2),
  )
  setText(byId('value'), hexDump(value))
  setText(byId('key'), asText(bytesOf(letter.key)))
  byId('headers').replaceChildren(
    ...(letter.headers.length === 0 ? [element('dt', {}, 'none')] : []),
    ...letter.headers.flatMap(([name, bytes]) => [
      element('dt', {}, name),
      element('dd', { tabindex: '0' }, asText(bytesOf(bytes))),
    ]),
  )
  setText(byId('stack'), [letter.exception, letter.stacktrace].filter(Boolean).join('\n') || 'nothing')
  byId('try-this').disabled = letter.replayedAt !== undefined
  byId('letter').hidden = false
  byId('letter-title').focus()
}

const count = (n, what) => `${format.count(n)} ${what}${n === 1 ? '' : 's'}`

/** Counts what ends a try, so that an answer that comes after another filter was chosen is not shown as its own. */
let left = 0

/** What was tried before is no longer what would be replayed. */
function leave() {
  left++
  tried = undefined
  byId('replay').hidden = true
  byId('cancel').hidden = true
  setText(byId('outcome'), '')
  byId('refused').replaceChildren()
}

const tryReplay = meant =>
  act(async () => {
    leave()
    const asked = left
    const outcome = await ask('api/dead-letters/replay', { ...meant, dryRun: true })
    if (asked !== left) return
    const { replayed, replayedBefore } = outcome
    const which = meant.ids === undefined ? 'Of those meant' : `Of letter ${meant.ids[0]}`
    tell(
      outcome,
      `${which}: ${count(replayed, 'letter')} would be replayed, ${format.count(replayedBefore)} were before. Nothing is written yet.`,
    )
    if (replayed === 0) return
    tried = meant
    setText(byId('replay'), `Replay ${count(replayed, 'letter')}`)
    byId('replay').hidden = false
    byId('cancel').hidden = false
    byId('replay').focus()
  })

const replay = () =>
  act(async () => {
    const meant = tried
    if (meant === undefined) return
    leave()
    const outcome = await ask('api/dead-letters/replay', { ...meant, dryRun: false })
    tell(
      outcome,
      `${count(outcome.replayed, 'letter')} replayed; ${format.count(outcome.replayedBefore)} were before.`,
    )
    await list()
    if (shown !== undefined) await show(shown.id)
    byId('replay-title').scrollIntoView({ block: 'center' })
  })

function tell({ refused }, words) {
  setText(byId('outcome'), words)
  byId('refused').replaceChildren(
    ...refused.map(({ reason, letters }) =>
      element('li', { class: 'bad' }, `${count(letters, 'letter')} cannot be replayed: ${reason}`),
    ),
  )
}

byId('filter').addEventListener('submit', event => {
  event.preventDefault()
  leave()
  act(list)
})
byId('all').addEventListener('click', () => {
  byId('filter').reset()
  leave()
  act(list)
})
byId('try').addEventListener('click', () => tryReplay(filter()))
byId('try-this').addEventListener('click', () => tryReplay({ ids: [shown.id] }))
byId('replay').addEventListener('click', replay)
byId('cancel').addEventListener('click', () => {
  leave()
  byId('try').focus()
})
for (const id of ['topic', 'code', 'since']) byId(id).addEventListener('input', leave)

// An address may name what is meant.
const given = new URLSearchParams(location.search)
for (const id of ['topic', 'code']) byId(id).value = given.get(id) ?? ''
const since = Number(given.get('since') ?? Number.NaN)
if (Number.isFinite(since)) {
  const local = new Date(since - new Date(since).getTimezoneOffset() * 60_000)
  byId('since').value = Number.isFinite(local.getTime()) ? local.toISOString().slice(0, 16) : ''
}
whenSignedIn(() => act(list))
act(list)
