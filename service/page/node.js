/** Asking the node, with the token of this tab where there is one. Where the node wants another, a form asks for it. */
import { byId, element, setText } from './elements.js'

const listeners = []
let form

/** Called when a person has given a token: what the node refused before may be asked again. */
export function whenSignedIn(listener) {
  listeners.push(listener)
}

/**
 * @param {string} path such as `api/topics`
 * @param {object} [body] makes it a POST
 * @param {AbortSignal} [signal]
 * @throws an Error with the message of the node, its `status`, and what to do (`remedy`) where it says so, or that it cannot be reached
 */
export async function ask(path, body, signal) {
  return await (await request(path, body, signal)).json()
}

/** The same, with the answer as it comes. */
export async function request(path, body, signal) {
  const token = sessionStorage.getItem('token')
  const response = await fetch(path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    body: body && JSON.stringify(body),
    signal,
  }).catch(error => {
    throw signal?.aborted ? error : new Error('The node cannot be reached.', { cause: error })
  })
  if (response.ok) return response
  const { message, code, remedy } = await response.json()
  if (response.status === 401) {
    sessionStorage.removeItem('token')
    showForm(token === null ? '' : 'This token is not the node’s.')
  }
  throw Object.assign(new Error(message), { status: response.status, code, remedy })
}

function showForm(trouble) {
  form ??= makeForm()
  setText(form.querySelector('.bad'), trouble)
  form.hidden = false
}

function makeForm() {
  const input = element('input', { type: 'password', autocomplete: 'current-password', required: '' })
  const made = element(
    'form',
    { class: 'card sign-in', hidden: '', 'aria-label': 'Sign in' },
    element('h2', {}, 'Some of this page is for who has a token'),
    element('p', { class: 'bad', role: 'alert' }),
    element('label', {}, 'Token of the node', input),
    element(
      'p',
      { class: 'note' },
      'It is in the file ',
      element('code', {}, 'node.json'),
      ' of the node’s state directory.',
    ),
    element('button', { type: 'submit' }, 'Sign in'),
  )
  made.addEventListener('submit', event => {
    event.preventDefault()
    sessionStorage.setItem('token', input.value.trim())
    input.value = ''
    made.hidden = true
    for (const listener of listeners) listener()
  })
  byId('main').prepend(made)
  return made
}

// The address may carry the token, and does not keep it.
const given = new URLSearchParams(location.hash.slice(1)).get('token')
if (given !== null) {
  sessionStorage.setItem('token', given)
  history.replaceState(null, '', location.pathname + location.search)
}
