/** The page of releases: what there is and why, and promoting, shadowing, rolling back for who has the token. */
import { byId, element, setText, showList } from './elements.js'
import * as format from './format.js'
import { ask, whenSignedIn } from './node.js'

/** Milliseconds between two looks. */
const lookAgain = 2000
/** Switches shown, the last ones. */
const shownSwitches = 100

/** Who changes something gives the token beside the reason. @throws an Error with the message of the node */
async function call(path, body) {
  if (body === undefined) return await ask(`api/models${path}`)
  const response = await fetch(`api/models${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${byId('token').value}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const answer = await response.json()
  if (response.ok) return answer
  throw new Error(response.status === 401 ? 'This token is not the node’s.' : answer.message)
}

/** What went wrong is said; what was done, too. */
async function act(action) {
  setText(byId('trouble'), '')
  setText(byId('done'), '')
  try {
    await action()
  } catch (error) {
    setText(byId('trouble'), error instanceof TypeError ? 'The node cannot be reached.' : error.message)
  }
}

const change = (path, body) =>
  act(async () => {
    const reason = byId('reason').value.trim()
    if (reason === '' && path !== '/shadow') {
      byId('reason').focus()
      throw new Error('Say why: the reason is kept with the event.')
    }
    const { name, version, status } = await call(path, { ...body, ...(reason !== '' && { reason }) })
    setText(byId('done'), `${name} ${version} is published as ${status}.`)
    byId('reason').value = ''
    await look()
    await lookAtSwitches()
  })

async function look() {
  const models = await call('')
  const { inForce, shadow, shadowing, known, refused, refusals, warnings } = models
  setText(byId('in-force'), inForce === undefined ? '–' : `${inForce.name} ${inForce.version}`)
  setText(byId('in-shadow'), shadow === undefined ? '–' : `${shadow.name} ${shadow.version}`)
  setText(byId('refusals'), format.count(refusals))
  setText(
    byId('shadow-note'),
    shadow === undefined ? 'No release is in shadow.' : shadowNote(shadow, shadowing),
  )
  showList(
    byId('warnings'),
    warnings,
    warning => warning,
    warning => element('li', { class: 'bad' }, warning),
  )
  showList(
    byId('refused'),
    refused.length === 0 ? [undefined] : refused.toReversed(),
    refusal => (refusal === undefined ? 'none' : `${refusal.version} ${refusal.at} ${refusal.reason}`),
    refusal =>
      refusal === undefined
        ? element('li', { class: 'empty' }, 'None since the node started.')
        : element(
            'li',
            {},
            element('strong', {}, `${refusal.name} ${refusal.version}`),
            ` ${refusal.code} `,
            element('span', { class: 'note' }, refusal.reason),
          ),
  )
  showReleases(known, inForce)
}

function shadowNote({ version }, shadowing) {
  if (shadowing === undefined) return `${version} is in shadow; it is counted where its tasks run.`
  const { state, scored, agreed, backlog, dropped, failed, failure } = shadowing
  const share = scored > 0 ? `, ${format.fineShare(agreed / scored)} of them labelled alike` : ''
  const lost = dropped + failed > 0 ? `; ${format.count(dropped)} left out, ${format.count(failed)} lost` : ''
  const why = failure === undefined ? '' : ` (${failure})`
  return `${version} is ${state}: ${format.count(scored)} windows${share}; ${format.count(backlog)} waiting${lost}${why}`
}

function showReleases(known, inForce) {
  showList(
    byId('releases'),
    known,
    ({ name, version, status, trust, publishedAt }) =>
      `${name} ${version} ${status} ${trust} ${publishedAt} ${version === inForce?.version}`,
    release => {
      const { name, version, status, trust, publishedAt, metrics, reason } = release
      const state = version === inForce?.version ? 'in force' : status
      return element(
        'tr',
        {},
        element('th', { scope: 'row' }, `${name} ${version}`),
        element('td', {}, element('span', { class: `chip ${state.replace(' ', '-')}` }, state)),
        element('td', {}, element('span', { class: `chip ${trust}` }, vouchers[trust])),
        element('td', {}, time(publishedAt)),
        element('td', {}, inWords(metrics)),
        element('td', {}, reason ?? ''),
        element('td', {}, ...(state === 'in force' ? [] : changesOf(release))),
      )
    },
  )
}

const vouchers = { signed: 'a trusted key', shipped: 'this package', unverified: 'nobody' }

function changesOf({ name, version, status }) {
  const id = { name, version }
  const promote = button('Promote', `Promote ${version}`, () => change('/promote', id))
  if (status === 'shadow') return [promote]
  return [promote, button('Shadow', `Put ${version} into shadow`, () => change('/shadow', id))]
}

function button(text, label, action) {
  const made = element('button', { type: 'button', 'aria-label': label }, text)
  made.addEventListener('click', action)
  return made
}

async function lookAtSwitches() {
  const switches = await call('/switches')
  showList(
    byId('switches'),
    switches.toSorted((a, b) => b.at - a.at).slice(0, shownSwitches),
    ({ partition, number }) => `${partition} ${number}`,
    ({ partition, offset, version, at }) =>
      element(
        'tr',
        {},
        element('td', { class: 'number' }, String(partition)),
        element('td', { class: 'number' }, format.count(offset)),
        element('td', {}, version),
        element('td', {}, time(at)),
      ),
  )
}

const compare = () =>
  act(async () => {
    const { version, windows, agreed, annotated, randomArm } = await call('/comparison')
    const right = ({ windows, shadowRight, servingRight }) =>
      windows === 0
        ? 'none'
        : `${format.count(shadowRight)} to ${format.count(servingRight)} right of ${format.count(windows)}`
    const figures = {
      [`Windows scored by ${version} too`]: format.count(windows),
      'Labelled alike': windows === 0 ? 'none' : format.fineShare(agreed / windows),
      'Annotated windows, shadow to serving': right(annotated),
      'Of these at random': right(randomArm),
    }
    showList(
      byId('comparison'),
      Object.entries(figures),
      ([title, text]) => `${title} ${text}`,
      ([title, text]) => element('div', {}, element('dt', {}, title), element('dd', {}, text)),
    )
  })

function inWords(metrics) {
  const shown = ['macroF1', 'accuracy'].filter(name => Number.isFinite(metrics[name]))
  return shown.map(name => `${name} ${format.fineShare(metrics[name])}`).join(', ')
}

function time(at) {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ')
}

byId('operator').addEventListener('submit', event => event.preventDefault())
byId('rollback').addEventListener('click', () => change('/rollback', {}))
byId('end-shadow').addEventListener('click', () => change('/shadow', { end: true }))
byId('compare').addEventListener('click', compare)

/** A node that does not answer is asked again. */
async function follow() {
  await look().catch(error => {
    if (error.status === undefined) setText(byId('trouble'), error.message)
  })
  setTimeout(follow, lookAgain)
}

function begin() {
  byId('token').value = sessionStorage.getItem('token') ?? ''
  act(lookAtSwitches)
}

whenSignedIn(begin)
begin()
follow()
