/** Annotating: a window at a time is shown, and one key says what its wearer did. */
import { byId, element, setText } from './elements.js'
import * as format from './format.js'
import { showSignals } from './signals.js'

/** Of labels, in the order of the release's; x, s and z have another meaning. */
const keys = '1234567890qwertyuiopadfghjkl'
/** Milliseconds until it is asked again whether there is a window. */
const askAgain = 3_000
/** Windows that can be taken back. */
const remembered = 50

const done = []
/** Windows that were left to go back to an earlier one, the next one last. */
const left = []
let token = ''
let annotator = ''
let current
let isBusy = false

/** @throws an Error with the message of the node, and `status` */
async function call(path, body) {
  const response = await fetch(`api/annotation${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    body: body && JSON.stringify({ annotator, ...body }),
  })
  const answer = await response.json()
  if (response.ok) return answer
  throw Object.assign(new Error(answer.message), { status: response.status })
}

/** One thing at a time; trouble is said, and a window that is gone is followed by another. */
async function act(action) {
  if (isBusy) return
  isBusy = true
  byId('desk').setAttribute('aria-busy', 'true')
  try {
    await action()
    setText(byId('trouble'), '')
  } catch (error) {
    if (error.status === 401) return signIn('This token is not the node’s.')
    setText(byId('trouble'), error.status === undefined ? 'The node cannot be reached.' : error.message)
    if (error.status === 404) await next().catch(() => {})
  } finally {
    isBusy = false
    byId('desk').removeAttribute('aria-busy')
  }
}

async function next() {
  show(left.pop() ?? (await call('/next', {})).window)
  tellProgress()
}

function keyOf({ deviceId, windowStart }) {
  return { deviceId, windowStart }
}

const answer = (verdict, label, words) =>
  act(async () => {
    if (current === undefined) return
    const answered = current
    await call('/answer', { ...keyOf(answered), verdict, ...(label !== undefined && { label }) })
    remember(answered, words)
    await next()
  })

const skip = () =>
  act(async () => {
    if (current === undefined) return
    const skipped = current
    await call('/skip', keyOf(skipped))
    remember(skipped, 'skipped')
    await next()
  })

const undo = () =>
  act(async () => {
    const last = done.at(-1)
    if (last === undefined) return
    const { window } = await call('/undo', keyOf(last))
    done.pop()
    if (current !== undefined) left.push(current)
    show(window)
    setText(byId('said'), 'taken back')
    tellProgress()
  })

function remember(window, words) {
  done.push(window)
  if (done.length > remembered) done.shift()
  setText(byId('said'), `${format.eventTime(window.windowStart)} of ${window.deviceId}: ${words}`)
}

function show(window) {
  current = window ?? undefined
  byId('desk').hidden = current === undefined
  byId('nothing').hidden = current !== undefined
  byId('undo').disabled = done.length === 0
  if (current === undefined) {
    setTimeout(() => current === undefined && act(next), askAgain)
    return
  }
  const { windowStart, deviceId, arm, probabilities, predicted } = current
  setText(byId('window-time'), `${format.eventDate(windowStart)} ${format.eventTime(windowStart)}`)
  setText(byId('window-device'), deviceId)
  byId('window-arm').hidden = arm !== 'random'
  showSignals(byId('signals'), current)
  byId('labels').replaceChildren(
    ...probabilities.map(({ label, probability }, i) => labelButton(label, probability, keys[i], predicted)),
  )
}

function labelButton(label, probability, key, predicted) {
  const bar = element('i')
  bar.style.width = `${Math.min(100, Math.max(0, 100 * probability))}%`
  const button = element(
    'button',
    {
      type: 'button',
      class: label === predicted ? 'predicted' : undefined,
      'aria-keyshortcuts': key,
      'aria-label': `${label}, ${format.share(probability)} probable`,
    },
    key === undefined ? element('span') : element('kbd', {}, key),
    element('span', { class: 'name' }, label),
    element('span', { class: 'share' }, format.share(probability)),
    bar,
  )
  button.addEventListener('click', () => answer('labelled', label, label))
  return element('li', {}, button)
}

/** Nobody waits for it: a key pressed meanwhile is for the window that is shown. */
function tellProgress() {
  call('').then(showProgress, () => {})
}

function showProgress({ byAnnotator, labelled, cannotTell, waiting }) {
  setText(byId('mine'), format.count(byAnnotator[annotator] ?? 0))
  setText(byId('labelled'), format.count(labelled))
  setText(byId('cannot-tell-count'), format.count(cannotTell))
  setText(byId('waiting'), format.count(waiting.unsure + waiting.random))
}

function signIn(trouble = '') {
  sessionStorage.removeItem('token')
  byId('desk').hidden = true
  byId('nothing').hidden = true
  byId('sign-in').hidden = false
  byId('name').value = annotator
  byId('token').value = ''
  setText(byId('trouble'), trouble)
  byId(annotator === '' ? 'name' : 'token').focus()
}

function begin() {
  byId('sign-in').hidden = true
  sessionStorage.setItem('token', token)
  localStorage.setItem('annotator', annotator)
  act(next)
}

byId('sign-in').addEventListener('submit', event => {
  event.preventDefault()
  annotator = byId('name').value.trim()
  token = byId('token').value.trim()
  if (annotator !== '' && token !== '') begin()
})
byId('cannot-tell').addEventListener('click', () => answer('cannotTell', undefined, 'cannot tell'))
byId('skip').addEventListener('click', skip)
byId('undo').addEventListener('click', undo)

addEventListener('keydown', event => {
  if (
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    event.repeat ||
    event.target instanceof HTMLInputElement
  )
    return
  const key = event.key.toLowerCase()
  const label = current?.probabilities[keys.indexOf(key)]?.label
  if (key === 'z' || key === 'backspace') undo()
  else if (current === undefined) return
  else if (key === 'x') answer('cannotTell', undefined, 'cannot tell')
  else if (key === 's') skip()
  else if (label !== undefined && key.length === 1) answer('labelled', label, label)
  else return
  event.preventDefault()
})

// The address may carry the token, and does not keep it.
token = new URLSearchParams(location.hash.slice(1)).get('token') ?? sessionStorage.getItem('token') ?? ''
annotator = localStorage.getItem('annotator') ?? ''
history.replaceState(null, '', location.pathname)
if (token !== '') sessionStorage.setItem('token', token)
if (token !== '' && annotator !== '') begin()
else signIn()
if (token !== '') byId('token').value = token
