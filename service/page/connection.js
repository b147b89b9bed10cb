/**
 * The stream of snapshots. It is opened again a second after it broke, for as long as the page is open. It is read by fetch: an
 * EventSource cannot bear a token.
 */
import { request, whenSignedIn } from './node.js'

const retryAfter = 1_000
/** Milliseconds without a snapshot after which the connection counts as lost, though nobody said so. */
const silence = 5_000

/**
 * @param {(snapshot: object) => void} onSnapshot
 * @param {(state: 'live' | 'lost' | 'closed') => void} onState closed: to whoever has no token
 */
export async function connect(onSnapshot, onState) {
  const stopping = new AbortController()
  const stop = () => stopping.abort()
  let watchdog = setTimeout(stop, silence)
  try {
    const { body } = await request('api/events', undefined, stopping.signal)
    for await (const data of eventsOf(body)) {
      clearTimeout(watchdog)
      watchdog = setTimeout(stop, silence)
      onState('live')
      onSnapshot(JSON.parse(data))
    }
  } catch (error) {
    // There is nothing to try again before somebody signs in.
    if (error.status === 401) return onState('closed')
  } finally {
    clearTimeout(watchdog)
    stop()
  }
  onState('lost')
  setTimeout(() => connect(onSnapshot, onState), retryAfter)
}

/** Connects, and again when a person has given a token. */
export function follow(onSnapshot, onState) {
  whenSignedIn(() => connect(onSnapshot, onState))
  connect(onSnapshot, onState)
}

/** The data of each server-sent event, which the node writes as one line. */
async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (true) {
    const { value, done } = await reader.read()
    if (done) return
    text += value
    const events = text.split('\n\n')
    text = events.pop()
    for (const event of events) yield event.replace(/^data: /, '')
  }
}
