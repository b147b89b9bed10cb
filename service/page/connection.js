/** The stream of snapshots. It is opened again a second after it broke, for as long as the page is open. */

const retryAfter = 1_000
/** Milliseconds without a snapshot after which the connection counts as lost, though nobody said so. */
const silence = 5_000

/**
 * @param {(snapshot: object) => void} onSnapshot
 * @param {(state: 'live' | 'lost') => void} onState
 */
export function connect(onSnapshot, onState) {
  const source = new EventSource('api/events')
  let watchdog = setTimeout(lose, silence)

  function lose() {
    clearTimeout(watchdog)
    source.close()
    onState('lost')
    setTimeout(() => connect(onSnapshot, onState), retryAfter)
  }

  source.onmessage = ({ data }) => {
    clearTimeout(watchdog)
    watchdog = setTimeout(lose, silence)
    onState('live')
    onSnapshot(JSON.parse(data))
  }
  source.onerror = lose
}
